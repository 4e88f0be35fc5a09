/**
 * Which replicas a screen shows, in which order, on which lines: filter, sort, group.
 *
 * Pure functions over the columns; ten thousand rows take a few milliseconds. Texts for searching
 * and sorting are made once per table, when they are first needed.
 */
import { STATES, stateOf } from './states.js';

/** @type {WeakMap<import('./table.js').Table['name'], { hay: string[], key: string[] }>} */
const texts = new WeakMap();

/** Lower-case texts per row; numbers are padded so that slave-2 comes before slave-10. */
function textsOf(table) {
  let made = texts.get(table.name);
  if (!made) {
    const padded = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(9, '0'));
    const projects = table.projects.map((project) => project.name.toLowerCase());
    made = {
      hay: table.name.map((name, i) => `${name.toLowerCase()}\n${projects[table.project[i]]}\n${table.dialect[i].toLowerCase()}\n${table.master[i] ? 'master' : 'slave'}`),
      key: table.name.map(padded),
    };
    texts.set(table.name, made);
  }
  return made;
}

/**
 * @typedef {object} Filter
 * @property {string} [q] words that must all occur in name, project, dialect or role
 * @property {string[]} [states] display state ids; empty means all
 * @property {string | null} [project]
 */

/** Rows that pass. @returns {Int32Array} */
export function filterRows(table, { q = '', states = [], project = null }) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const hay = words.length ? textsOf(table).hay : null;
  const wanted = states.length ? STATES.map((state) => states.includes(state.id)) : null;
  const spans = project === null ? table.projects : table.projects.filter((span) => span.name === project);
  const out = new Int32Array(table.size);
  let found = 0;
  for (const { first, count } of spans) {
    for (let i = first; i < first + count; i++) {
      if (wanted && !wanted[table.shown[i]]) continue;
      if (hay && !words.every((word) => hay[i].includes(word))) continue;
      out[found++] = i;
    }
  }
  return out.subarray(0, found);
}

/** How each order compares two rows; ties keep the declared order. */
export const ORDERS = {
  worst: { word: 'worst first', compare: byWorst },
  lag: { word: 'lag, high to low', compare: byLag },
  name: { word: 'name', compare: byName },
};

/** An unknown lag sorts after every known one. */
function byLag(table) {
  const lag = (i) => (Number.isNaN(table.lag[i]) ? -1 : table.lag[i]);
  return (a, b) => lag(b) - lag(a) || a - b;
}

function byWorst(table) {
  const lag = byLag(table);
  return (a, b) => table.shown[a] - table.shown[b] || lag(a, b);
}

function byName(table) {
  const { key } = textsOf(table);
  return (a, b) => (key[a] < key[b] ? -1 : key[a] > key[b] ? 1 : a - b);
}

/** Sorts rows in place. */
export function sortRows(table, rows, order) {
  return rows.sort(ORDERS[Object.hasOwn(ORDERS, order) ? order : 'worst'].compare(table));
}

/**
 * Puts rows on lines. Groups stand in the order of their first row, so the worst project is on top
 * when the worst replica is.
 * @param {Int32Array} rows sorted
 * @param {{ group: boolean, perLine?: number, closed?: (project: string) => boolean }} options
 * @returns {{ size: number, header: (line: number) => number, first: (line: number) => number, length: (line: number) => number, rows: Int32Array }}
 *   `header` is a project number or -1; `first` and `length` point into `rows`
 */
export function layLines(table, rows, { group, perLine = 1, closed = () => false }) {
  const grouped = group ? groupRows(table, rows) : { rows, spans: [[-1, 0, rows.length]] };
  const lines = [];
  for (const [project, from, to] of grouped.spans) {
    if (project >= 0) {
      lines.push(-project - 1, to - from);
      if (closed(table.projects[project].name)) continue;
    }
    for (let at = from; at < to; at += perLine) lines.push(at, Math.min(perLine, to - at));
  }
  const flat = Int32Array.from(lines);
  return {
    size: flat.length / 2,
    header: (line) => (flat[line * 2] < 0 ? -flat[line * 2] - 1 : -1),
    first: (line) => flat[line * 2],
    length: (line) => flat[line * 2 + 1],
    rows: grouped.rows,
  };
}

/** Brings rows of one project together (a counting sort, so the order inside stays). */
function groupRows(table, rows) {
  const sizes = new Map();
  for (const i of rows) sizes.set(table.project[i], (sizes.get(table.project[i]) ?? 0) + 1);
  const spans = [];
  const next = new Map();
  let start = 0;
  for (const [project, size] of sizes) {
    spans.push([project, start, start + size]);
    next.set(project, start);
    start += size;
  }
  const out = new Int32Array(rows.length);
  for (const i of rows) {
    const at = next.get(table.project[i]);
    out[at] = i;
    next.set(table.project[i], at + 1);
  }
  return { rows: out, spans };
}

/** Display states named in an address, without what is not a state. */
export const statesIn = (text) => (text ?? '').split(',').filter((id) => stateOf(id));
