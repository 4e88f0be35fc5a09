/**
 * Lags over a time as lines: the average, and around it from the least to the greatest of each bucket.
 *
 * Where nobody could tell, it is hatched; where nobody looked, it is empty: neither is bridged, and neither is 0. A cursor reads it out (arrow keys, pointer),
 * dragging or Enter at two places zooms. The same figures stand in a table.
 */
import { h, replace, s, setAttr, setText } from '../core/dom.js';
import { dateTime, duration, setting } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { known, timeMarks } from '../core/series.js';

const BOX = { left: 62, right: 12, top: 8, height: 220 };
const round = (n) => Math.round(n * 10) / 10;

/** @typedef {{ name: string, lag: import('../core/series.js').Bucketed, limit: number }} Line */

export class RangeChart {
  /** @param {(from: number, to: number) => void} [zoom] */
  constructor(zoom) {
    this.zoom = zoom;
    this.plot = s('g', { transform: `translate(${BOX.left} ${BOX.top})` });
    this.cursor = s('line', { class: 'cur', y1: 0, y2: BOX.height, visibility: 'hidden' });
    this.chosen = s('rect', { class: 'pick', y: 0, height: BOX.height, visibility: 'hidden' });
    this.svg = s('svg', { class: 'chart range', role: 'img', tabindex: 0 }, this.plot,
      s('g', { transform: `translate(${BOX.left} ${BOX.top})` }, this.chosen, this.cursor));
    this.said = h('p', { class: 'sm mid', role: 'status' });
    this.body = h('tbody');
    this.head = h('tr');
    this.table = h('details', null, h('summary', { class: 'sm' }, 'View as table'), h('div', { class: 'scroll tall' }, h('table', { class: 'plain sm' }, h('thead', null, this.head), this.body)));
    this.table.addEventListener('toggle', () => this.#rows());
    this.el = h('div', { class: 'body stack' }, this.svg, this.said, this.table);
    this.svg.addEventListener('keydown', (event) => this.#key(event));
    this.svg.addEventListener('pointermove', (event) => this.#pointer(event));
    this.svg.addEventListener('pointerdown', (event) => this.#press(event));
    this.svg.addEventListener('pointerup', (event) => this.#drop(event));
    this.svg.addEventListener('pointerleave', () => this.mark === undefined && this.#point(null));
  }

  /** @param {{ ts: number[], width: number, from: number, to: number, lines: Line[] }} shown */
  set(shown) {
    Object.assign(this, shown);
    this.at = null;
    this.mark = undefined;
    this.#draw();
    this.#point(null);
    this.#rows();
  }

  #x(at) {
    return round(((at - this.from) / (this.to - this.from)) * this.wide);
  }

  #draw() {
    // Letters of one size: a phone's chart is drawn narrow rather than shrunk.
    this.wide = matchMedia('(max-width: 760px)').matches ? 300 : 900;
    setAttr(this.svg, 'viewBox', `0 0 ${BOX.left + this.wide + BOX.right} ${BOX.top + BOX.height + 26}`);
    const limits = this.lines.map(({ limit }) => limit);
    const most = Math.max(1, ...limits.filter((limit) => limit < Infinity), ...this.lines.flatMap(({ lag }) => lag.max.filter((ms) => ms !== null)));
    this.top = roundUp(most * 1.05);
    const y = (ms) => round(BOX.height - 2 - (ms / this.top) * (BOX.height - 4));
    const parts = [0, 0.25, 0.5, 0.75, 1].map((share) => s('g', null,
      s('line', { class: 'grid', x1: 0, x2: this.wide, y1: y(this.top * share), y2: y(this.top * share) }),
      s('text', { x: -8, y: y(this.top * share) + 4, 'text-anchor': 'end' }, share ? duration(this.top * share) : '0')));
    for (const at of timeMarks(this.from, this.to, this.wide < 500 ? 4 : 8)) {
      const x = this.#x(at);
      parts.push(s('text', { x, y: BOX.height + 18, 'text-anchor': x < 40 ? 'start' : x > this.wide - 40 ? 'end' : 'middle' }, timeWords(at, this.to - this.from)));
    }
    this.lines.forEach((line, n) => parts.push(this.#gaps(line), ...this.#line(line, n, y)));
    for (const limit of new Set(limits)) {
      if (limit === Infinity) continue;
      parts.push(s('line', { class: 'thr', x1: 0, x2: this.wide, y1: y(limit), y2: y(limit) }), s('text', { class: 'lbl', x: this.wide - 4, y: y(limit) - 5, 'text-anchor': 'end' }, `limit ${setting(limit)}`));
    }
    replace(this.plot, ...parts);
    setAttr(this.svg, 'aria-label', `${sentence(this.lines)} Arrow keys move a cursor${this.zoom ? ', Enter at two places zooms' : ''}.`);
  }

  #span(k) {
    return [this.#x(Math.max(this.from, this.ts[k])), this.#x(Math.min(this.to, this.ts[k] + this.width))];
  }

  #gaps({ lag }) {
    let d = '';
    for (let k = 0; k < this.ts.length; k++) {
      if (known(lag, k) !== 'unknown') continue;
      const [from, to] = this.#span(k);
      d += `M${from} 0H${to}V${BOX.height}H${from}z`;
    }
    return s('path', { class: 'gap', d: d || null });
  }

  #line({ lag }, n, y) {
    let line = '';
    let band = '';
    let up = [];
    let down = [];
    const close = () => {
      if (up.length > 1) band += `M${up.join('L')}L${down.reverse().join('L')}z`;
      [up, down] = [[], []];
    };
    for (let k = 0; k < this.ts.length; k++) {
      const avg = lag.avg[k];
      if (avg === null) {
        close();
        continue;
      }
      const x = this.#x(this.ts[k] + this.width / 2);
      const joined = up.length > 0;
      const alone = !joined && (lag.avg[k + 1] ?? null) === null;
      line += `${joined ? 'L' : 'M'}${x} ${y(avg)}${alone ? 'h1' : ''}`;
      up.push(`${x} ${y(lag.max[k])}`);
      down.push(`${x} ${y(lag.min[k])}`);
    }
    close();
    return [s('path', { class: `band s${n}`, d: band || null }), s('path', { class: `ln s${n}`, d: line || null })];
  }

  /** Reads out a bucket, or what can be done. */
  #point(k) {
    this.at = k;
    if (k === null) {
      setAttr(this.cursor, 'visibility', 'hidden');
      return setText(this.said, `Each point is ${setting(this.width)}: the average as a line, least to greatest around it; hatched is unknown.${this.zoom ? ' Drag to zoom.' : ''}`);
    }
    const x = this.#x(this.ts[k] + this.width / 2);
    setAttr(this.cursor, 'visibility', null);
    setAttr(this.cursor, 'x1', x);
    setAttr(this.cursor, 'x2', x);
    this.#pick(this.ts[k]);
    setText(this.said, `${dateTime(this.ts[k], utc()).slice(0, 19)}: ${this.lines.map(({ name, lag }) => `${name} ${words(lag, k)}`).join(', ')}`);
  }

  #pick(until) {
    const open = this.mark !== undefined;
    setAttr(this.chosen, 'visibility', open ? null : 'hidden');
    if (!open) return;
    const [one, other] = [this.#x(this.mark), this.#x(until)].sort((a, b) => a - b);
    setAttr(this.chosen, 'x', one);
    setAttr(this.chosen, 'width', other - one);
  }

  #key(event) {
    const last = this.ts.length - 1;
    const at = this.at ?? last;
    const to = { ArrowLeft: Math.max(0, at - 1), ArrowRight: Math.min(last, at + 1), Home: 0, End: last }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      return this.#point(to);
    }
    if (event.key === 'Escape') {
      this.mark = undefined;
      return this.#point(null);
    }
    if (event.key !== 'Enter' || !this.zoom || this.at === null) return;
    event.preventDefault();
    if (this.mark === undefined) this.mark = this.ts[this.at];
    else this.#zoomTo(this.ts[this.at]);
  }

  #bucket({ clientX }) {
    const box = this.svg.getBoundingClientRect();
    const scale = (BOX.left + this.wide + BOX.right) / box.width;
    const at = this.from + (((clientX - box.left) * scale - BOX.left) / this.wide) * (this.to - this.from);
    return Math.min(this.ts.length - 1, Math.max(0, Math.floor((at - this.ts[0]) / this.width)));
  }

  #pointer(event) {
    if (this.ts?.length) this.#point(this.#bucket(event));
  }

  #press(event) {
    if (!this.zoom || !this.ts?.length) return;
    this.svg.setPointerCapture(event.pointerId);
    this.mark = this.ts[this.#bucket(event)];
  }

  #drop(event) {
    if (this.mark === undefined) return;
    this.#zoomTo(this.ts[this.#bucket(event)]);
  }

  #zoomTo(other) {
    const [from, to] = [this.mark, other].sort((a, b) => a - b);
    this.mark = undefined;
    this.#pick(from);
    // A click is no drag.
    if (to - from >= this.width * 2) this.zoom(from, to + this.width);
  }

  #rows() {
    if (!this.table.open || !this.ts) return;
    replace(this.head, h('th', { scope: 'col' }, 'Time'), ...this.lines.map(({ name }) => h('th', { scope: 'col' }, name)));
    replace(this.body, ...this.ts.map((at, k) => h('tr', null, h('th', { scope: 'row' }, dateTime(at, utc()).slice(0, 19)), this.lines.map(({ lag }) => h('td', null, words(lag, k))))).reverse());
  }
}

/** The next figure of which a quarter is round: 1, 2 or 5 times a power of ten, ms. */
export function roundUp(ms) {
  const power = 10 ** Math.floor(Math.log10(ms / 4));
  return 4 * power * [1, 2, 5, 10].find((own) => own * power >= ms / 4);
}

/** A bucket in words. */
export function words(lag, k) {
  const value = known(lag, k);
  if (value === null) return 'nobody looked';
  if (value === 'unknown') return 'unknown';
  const range = lag.min[k] === lag.max[k] ? '' : ` (${duration(lag.min[k])} to ${duration(lag.max[k])})`;
  return `${duration(Math.round(value))}${range}${lag.unknown[k] > 0 ? ', unknown at times' : ''}`;
}

/** The chart in a few sentences, for who cannot see it. @param {Line[]} lines */
export function sentence(lines) {
  const told = lines.map(({ name, lag, limit }) => {
    const most = lag.max.filter((ms) => ms !== null);
    const gaps = lag.avg.filter((_, k) => known(lag, k) === 'unknown').length;
    const unknown = gaps ? `, unknown in ${gaps} of ${lag.avg.length} points` : '';
    if (most.length === 0) return `Lag of ${name}: no figure in this time${unknown}.`;
    const over = most.filter((ms) => ms > limit).length;
    return `Lag of ${name}: at most ${duration(Math.max(...most))}, over its limit in ${over} of ${lag.avg.length} points${unknown}.`;
  });
  return told.join(' ') || 'No lag is chosen.';
}

function timeWords(at, span) {
  const text = dateTime(at, utc());
  return span > 2 * 86_400_000 ? text.slice(0, 10) : text.slice(11, 16);
}
