/**
 * The last lags of one replica as a chart, with the same figures as a table.
 *
 * It draws what the sparkline draws: the last points, one for each look. Gaps stay gaps.
 */
import { h, replace, s, setAttr, setText } from '../core/dom.js';
import { duration, setting } from '../core/fmt.js';
import { BLANK, HISTORY } from '../core/table.js';
import { sparkPath } from './spark.js';

const BOX = { left: 62, right: 12, top: 8, width: 640, height: 170 };

export class LagChart {
  constructor() {
    this.gap = s('path', { class: 'gap' });
    this.line = s('path', { class: 'ln' });
    this.limit = s('line', { class: 'thr', x1: 0, x2: BOX.width });
    this.limitText = s('text', { class: 'lbl', x: BOX.width - 4, 'text-anchor': 'end' });
    this.ticks = [0, 0.5, 1].map((share) => {
      const y = 2 + (1 - share) * (BOX.height - 4);
      const text = s('text', { x: -8, y: y + 4, 'text-anchor': 'end' });
      return { share, text, mark: s('g', null, s('line', { class: 'grid', x1: 0, x2: BOX.width, y1: y, y2: y }), text) };
    });
    this.from = s('text', { x: 0, y: BOX.height + 18 });
    this.svg = s('svg', { class: 'chart', viewBox: `0 0 ${BOX.left + BOX.width + BOX.right} ${BOX.top + BOX.height + 26}`, role: 'img' },
      s('g', { transform: `translate(${BOX.left} ${BOX.top})` }, this.ticks.map((tick) => tick.mark), this.gap, this.limit, this.limitText, this.line, this.from,
        s('text', { x: BOX.width, y: BOX.height + 18, 'text-anchor': 'end' }, 'now')));
    this.rows = h('ol', { class: 'mono sm points' });
    this.table = h('details', null, h('summary', { class: 'sm' }, 'The same as a table'), this.rows);
    this.table.addEventListener('toggle', () => this.last && this.update(...this.last));
    this.el = h('div', { class: 'body stack' }, this.svg, this.table);
  }

  /** @param {import('../core/table.js').Table} table @param {number} i @param {number} period ms between points */
  update(table, i, period) {
    this.last = [table, i, period];
    const points = table.points(i);
    const limit = table.tolerance[i];
    const shape = sparkPath(points, { width: BOX.width, height: BOX.height, limit });
    setAttr(this.line, 'd', shape.line || null);
    setAttr(this.gap, 'd', shape.gaps || null);
    setAttr(this.limit, 'y1', shape.limitY);
    setAttr(this.limit, 'y2', shape.limitY);
    setAttr(this.limitText, 'y', shape.limitY - 5);
    setText(this.limitText, `limit ${setting(limit)}`);
    for (const { share, text } of this.ticks) setText(text, share ? duration(shape.top * share) : '0');
    setText(this.from, `${setting((HISTORY - 1) * period)} ago`);
    setAttr(this.svg, 'aria-label', sentence(points, limit));
    if (this.table.open) this.#rows(points, period);
  }

  #rows(points, period) {
    const rows = [];
    for (let k = HISTORY - 1; k >= 0; k--) {
      if (points[k] === BLANK) continue;
      rows.push(h('li', null, `${setting((HISTORY - 1 - k) * period).padStart(8)} ago   ${Number.isNaN(points[k]) ? 'unknown' : duration(points[k])}`));
    }
    replace(this.rows, rows);
  }
}

/** The chart in one sentence, for who cannot see it. */
export function sentence(points, limit) {
  const seen = Array.from(points).filter((lag) => lag !== BLANK);
  const known = seen.filter((lag) => !Number.isNaN(lag));
  if (known.length === 0) return 'Lag: no known value in this time.';
  const over = known.filter((lag) => lag > limit).length;
  const gaps = seen.length - known.length;
  return `Lag: now ${Number.isNaN(seen.at(-1)) ? 'unknown' : duration(seen.at(-1))}, between ${duration(Math.min(...known))} and ${duration(Math.max(...known))}; ${over} of ${known.length} points over the ${setting(limit)} limit, ${gaps} unknown.`;
}
