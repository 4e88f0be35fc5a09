/**
 * Numbers, durations and times as people read them.
 *
 * Pure functions. An unknown value never becomes 0 here: callers get "—" and words.
 */
import { VERDICT } from './states.js';

const THIN = '\u202f';
const pad = (n, width = 2) => String(n).padStart(width, '0');

/** Groups thousands with a thin space: 10 000. */
export function num(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return '—';
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** `1 replica`, `2 replicas`. */
export function plural(n, one, many = `${one}s`) {
  return `${num(n)} ${n === 1 ? one : many}`;
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000]];

/**
 * A duration in at most two units: `42 ms`, `2.38 s`, `3 m 12 s`, `3 d 4 h`.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  let rest = Math.round(ms / 1000) * 1000;
  const at = UNITS.findIndex(([, size]) => rest >= size);
  const [unit, size] = UNITS[at];
  const whole = Math.floor(rest / size);
  rest -= whole * size;
  const [nextUnit, nextSize] = UNITS[at + 1];
  const next = Math.floor(rest / nextSize);
  return next ? `${whole} ${unit} ${next} ${nextUnit}` : `${whole} ${unit}`;
}

/** A duration that somebody set, as it was set: `5 s`, not `5.00 s`. */
export const setting = (ms) => (ms % 1000 === 0 ? rough(ms) : duration(ms));

/** A duration without fractions below a minute: for counters that tick once a second. */
export function rough(ms) {
  return ms < 60_000 ? `${Math.max(0, Math.round(ms / 1000))} s` : duration(ms);
}

/** `4 s ago`, or `never` when there is no time. A clock that runs ahead counts as now. */
export function ago(ts, now) {
  if (ts === null || ts === undefined || Number.isNaN(ts)) return 'never';
  const ms = Math.max(0, now - ts);
  return ms < 950 ? 'just now' : `${rough(ms)} ago`;
}

/**
 * Wall-clock time of day, `14:02:31`, with milliseconds for the log.
 * @param {number} ts
 * @param {boolean} utc
 * @param {boolean} [ms]
 */
export function clock(ts, utc, ms = false) {
  const d = new Date(ts);
  if (Number.isNaN(d.getTime())) return '—';
  const [hh, mm, ss] = utc
    ? [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()]
    : [d.getHours(), d.getMinutes(), d.getSeconds()];
  return `${pad(hh)}:${pad(mm)}:${pad(ss)}${ms ? `.${pad(d.getUTCMilliseconds(), 3)}` : ''}`;
}

/** Date and time, `2026-11-23 14:02:31`. */
export function dateTime(ts, utc) {
  const d = new Date(ts);
  if (Number.isNaN(d.getTime())) return '—';
  const [y, m, day] = utc
    ? [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()]
    : [d.getFullYear(), d.getMonth(), d.getDate()];
  return `${y}-${pad(m + 1)}-${pad(day)} ${clock(ts, utc)}${utc ? ' UTC' : ''}`;
}

/** A share as a percentage, never rounded to 100 % while something is missing. */
export function percent(part, whole) {
  const exact = (100 * part) / whole;
  return `${exact > 99 && exact < 100 ? 99 : Math.round(exact)} %`;
}

/** A time that came as milliseconds, as an ISO string, or not at all (NaN). */
export function timeOf(value) {
  return typeof value === 'string' ? Date.parse(value) : (value ?? NaN);
}

const SIGN = ['', '≥ ', '≤ ', '', ''];

/**
 * The lag of a replica in words: what the cell shows, without its share of the limit.
 * @param {{ lag: number, verdict: number, master: boolean }} lag `lag` is NaN when unknown
 */
export function lagWords({ lag, verdict, master }) {
  if (verdict === VERDICT.not_applicable || (master && Number.isNaN(lag))) return '— source';
  if (verdict === VERDICT.unknown || Number.isNaN(lag)) return '— unknown';
  return SIGN[verdict] + duration(lag);
}

/** `source-wins` → `source wins`: identifiers of the tree as words. */
export const words = (id) => String(id).replace(/[-_]/g, ' ');
