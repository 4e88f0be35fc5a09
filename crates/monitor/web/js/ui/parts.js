/**
 * The small pieces that screens are made of: badges, cells, chips, choices, empty states.
 *
 * A piece that changes often is an object `{ el, set }` and writes only what differs. Pieces know
 * words and shapes; they never read the store.
 */
import { h, icon, s, setAttr, setClass, setIcon, setText } from '../core/dom.js';
import { lagWords, num, percent, rough, setting } from '../core/fmt.js';
import { LAGGING, STATES, VERDICT } from '../core/states.js';

/** State as shape, colour and word. */
export function stateBadge() {
  const picture = icon('unk');
  const word = h('span');
  const el = h('span', { class: 'badge' }, picture, word);
  return {
    el,
    /** @param {number} shown */
    set(shown) {
      const state = STATES[shown];
      setClass(el, `badge ${state.badge}`);
      setIcon(picture, state.icon);
      setText(word, state.word);
    },
  };
}

/** A badge that never changes: `badge('st-up', 'up', 'Synced')`. */
export function badge(cls, picture, word) {
  return h('span', { class: `badge ${cls}` }, icon(picture), word);
}

function bar() {
  const fg = s('rect', { class: 'fg', height: 8, rx: 2 });
  const over = s('path', { class: 'ov', d: 'M84 8 88 0h3l-4 8zM91 8l4-8h3l-4 8z' });
  const el = s('svg', { class: 'bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, s('rect', { class: 'bg', width: 100, height: 8, rx: 2 }), fg, over);
  return {
    el,
    /** @param {number} share 1 is the limit @param {string} tone */
    set(share, tone) {
      setClass(el, `bar ${tone}`);
      setAttr(fg, 'width', Math.round(Math.min(1, share) * 1000) / 10);
      setAttr(over, 'visibility', share > 1 ? null : 'hidden');
    },
  };
}

/** Lag with its share of the limit. Unknown is hatched, a master has none. */
export function lagCell() {
  const value = h('span');
  const note = h('span', { class: 'xs dim' });
  const known = bar();
  const unknown = h('span', { class: 'nodata' });
  const el = h('div', { class: 'lag' }, h('span', { class: 'v trunc' }, value, note), known.el, unknown);
  return {
    el,
    /** @param {{ lag: number, verdict: number, master: boolean, tolerance: number, asOf?: number, shown: number, now: number }} facts */
    set(facts) {
      const { lag, tolerance, shown } = facts;
      const text = lagWords(facts);
      const isUnknown = text === '— unknown';
      const has = !Number.isNaN(lag) && !text.startsWith('—');
      setText(value, text);
      setClass(value, shown === LAGGING ? 't-warn' : isUnknown ? 't-unk' : has ? '' : 'dim reg');
      setText(note, has ? lagNote(facts) : '');
      known.el.toggleAttribute('hidden', !has);
      unknown.hidden = !isUnknown;
      if (has) known.set(lag / tolerance, shown === LAGGING ? 'warn' : '');
    },
  };
}

/** What belongs beside the figure: its age when it is frozen, else its share of the limit. */
export function lagNote({ lag, tolerance, asOf, now, verdict }) {
  if (asOf) return `, as of ${rough(now - asOf)} ago`;
  if (lag > tolerance) return verdict === VERDICT.at_most ? '' : ` over the ${setting(tolerance)} limit`;
  return lag >= tolerance / 100 ? ` · ${percent(lag, tolerance)} of ${setting(tolerance)}` : '';
}

/** Connections in use. */
export function poolCell() {
  const value = h('span');
  const note = h('span', { class: 'xs dim' });
  const usage = bar();
  const el = h('div', { class: 'lag' }, h('span', { class: 'v trunc' }, value, note), usage.el);
  return {
    el,
    /** @param {number} used @param {number} idle @param {number} max NaN when unknown */
    set(used, idle, max) {
      const has = !Number.isNaN(used);
      const share = used / max;
      setText(value, has ? num(used) : '— unknown');
      setClass(value, has ? '' : 'dim reg');
      setText(note, has ? (max > 0 ? ` / ${num(max)} in use` : ' in use') : '');
      usage.el.toggleAttribute('hidden', !(has && max > 0));
      setAttr(el, 'title', has && !Number.isNaN(idle) ? `${num(used)} in use, ${num(idle)} idle` : null);
      if (has && max > 0) usage.set(share, share >= 0.9 ? 'warn' : '');
    },
  };
}

/**
 * A choice of few: one button is pressed.
 * @param {string} label
 * @param {[string, string][]} options value and word
 * @param {(value: string) => void} choose
 */
export function segmented(label, options, choose, cls = '') {
  const buttons = options.map(([value, word]) => h('button', { type: 'button', onclick: () => choose(value) }, word));
  return {
    el: h('div', { class: `seg ${cls}`.trim(), role: 'group', 'aria-label': label }, buttons),
    set(value) {
      options.forEach(([own], k) => setAttr(buttons[k], 'aria-pressed', String(own === value)));
    },
  };
}

/**
 * A choice of many. `setOptions` keeps the chosen value.
 * @param {string} label
 * @param {(value: string) => void} choose
 */
export function select(label, choose, cls = '') {
  const control = h('select', { onchange: () => choose(control.value) });
  let drawn = '';
  return {
    el: h('label', { class: `field ${cls}`.trim() }, `${label} `, control),
    /** @param {[string, string][]} options @param {string} value */
    set(options, value) {
      const signature = JSON.stringify(options);
      if (signature !== drawn) {
        drawn = signature;
        control.replaceChildren(...options.map(([own, word]) => h('option', { value: own }, word)));
      }
      if (control.value !== value) control.value = value;
    },
  };
}

/**
 * Counted filters, one per state: the count says what pressing will show.
 * @param {{ id: string, word: string, open: string, text: string }[]} states
 * @param {(id: string) => void} toggle
 */
export function stateChips(states, toggle) {
  const chips = states.map((state) => {
    const count = h('b', null, '—');
    const el = h('button', { class: 'chip', type: 'button', 'aria-pressed': 'false', onclick: () => toggle(state.id) }, icon(state.open, state.text), state.word, ' ', count);
    return { el, count, id: state.id };
  });
  return {
    el: h('div', { class: 'row chips', role: 'group', 'aria-label': 'Filter by state' }, chips.map((chip) => chip.el)),
    /** @param {ArrayLike<number>} counts @param {string[]} pressed */
    set(counts, pressed) {
      chips.forEach((chip, k) => {
        setText(chip.count, num(counts[k]));
        setAttr(chip.el, 'aria-pressed', String(pressed.includes(chip.id)));
      });
    },
  };
}

/** One figure that matters, with what it means. @param {string} [address] makes it a link */
export function tile(picture, tone, word, address) {
  const value = h('span', { class: 'v' }, '—');
  const note = h('span', { class: 's' });
  const el = h(address ? 'a' : 'div', { class: 'tile', href: address }, h('span', { class: `k ${tone}` }, picture && icon(picture), word), value, note);
  return {
    el,
    set(figure, text) {
      setText(value, figure);
      setText(note, text);
    },
  };
}

/** @param {string} id of the heading, unique in the page */
export function card(id, title, content, ...extra) {
  return h('section', { class: 'card', 'aria-labelledby': id }, h('header', null, h('h2', { id }, title), extra), content);
}

/** What to show instead of nothing. */
export function emptyState(picture, title, ...content) {
  return h('div', { class: 'empty' }, icon(picture, 'big'), h('h2', null, title), content);
}

/** A button that copies text and says so in place. */
export function copyButton(word, text, cls = '') {
  const button = h('button', {
    class: `btn sm ${cls}`.trim(),
    type: 'button',
    async onclick() {
      const done = await copy(text());
      setText(button, done ? 'Copied' : 'Copying is not allowed here');
      setTimeout(() => setText(button, word), 2000);
    },
  }, word);
  return button;
}

/** The clipboard exists only on secure origins: over plain http on another host it is refused. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Term and description pairs; empty descriptions are left out. */
export function facts(pairs) {
  return h('dl', { class: 'dl' }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '').flatMap(([term, value]) => [h('dt', null, term), h('dd', null, value)]));
}
