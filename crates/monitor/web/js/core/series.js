/**
 * Figures over time, as the monitor kept them: asked for, and what they mean bucket by bucket.
 *
 * A bucket that nobody sampled is null; one of which nobody could tell the figure is unknown. Neither is ever a zero. Touches no DOM.
 */
import { refusal } from './command.js';
import { CONNECTING, DOWN, LAGGING, UNKNOWN, UP, WIRE } from './states.js';

/** Ranges to choose from: the word in the address, and how long, ms. */
export const RANGES = [['15m', '15 m', 900_000], ['1h', '1 h', 3_600_000], ['6h', '6 h', 21_600_000], ['24h', '24 h', 86_400_000], ['7d', '7 d', 604_800_000]];

/**
 * @typedef {object} Bucketed one figure of one replica
 * @property {(number | null)[]} min
 * @property {(number | null)[]} avg
 * @property {(number | null)[]} max
 * @property {(number | null)[]} last
 * @property {(number | null)[]} unknown share of the samples that were unknown
 */

/**
 * @param {{ project: string, replicas: string[], metrics: string[], from: number, to: number, buckets?: number }} wanted
 * @returns {Promise<{ width: number, ts: number[], of: (replica: string, metric: string) => Bucketed | undefined }>}
 */
export async function readSeries({ project, replicas, metrics, from, to, buckets = 360 }) {
  const query = new URLSearchParams({ project, from: String(Math.round(from)), to: String(Math.round(to)), buckets: String(buckets) });
  for (const replica of replicas) query.append('replica', replica);
  for (const metric of metrics) query.append('metric', metric);
  const response = await fetch(new URL(`api/history?${query}`, document.baseURI), { credentials: 'same-origin' }).catch(() => null);
  if (!response) throw new Error('The monitor cannot be reached.');
  const text = await response.text();
  if (!response.ok) throw new Error(refusal(response.status, text));
  const { width, ts, series } = JSON.parse(text);
  return { width, ts, of: (replica, metric) => series.find((own) => own.replica === replica && own.metric === metric) };
}

/** What a bucket of a lag is: a figure, 'unknown', or null where nobody looked. */
export function known(lag, k) {
  if (lag.avg[k] !== null) return lag.avg[k];
  return lag.unknown[k] > 0 ? 'unknown' : null;
}

/**
 * The worst state within a bucket, as on the other screens; null where nobody looked.
 *
 * Of a bucket only the least and the greatest code are kept: one in which a replica was unknown and up says unknown.
 * @param {Bucketed} state @param {Bucketed | undefined} lag @param {number} tolerance
 */
export function worst(state, lag, k, tolerance) {
  const codes = [state.min[k], state.max[k], state.last[k]];
  if (codes[0] === null) return state.unknown[k] > 0 ? UNKNOWN : null;
  if (codes.includes(WIRE.down)) return DOWN;
  if (lag && lag.max[k] > tolerance) return LAGGING;
  if (codes.includes(WIRE.unknown) || lag?.unknown[k] > 0) return UNKNOWN;
  return codes.includes(WIRE.connecting) ? CONNECTING : UP;
}

/** Times to write under a chart: whole steps, at most so many of them. */
export function timeMarks(from, to, most = 8) {
  const steps = [60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000, 86_400_000, 172_800_000];
  const step = steps.find((own) => (to - from) / own <= most) ?? to - from;
  const marks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) marks.push(at);
  return marks;
}

/** A table of what is drawn, for programs. @param {number[]} ts @param {{ name: string, lag: Bucketed }[]} lines */
export function csv(ts, lines) {
  const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const head = ['time', ...lines.flatMap(({ name }) => ['min', 'avg', 'max', 'unknown share'].map((what) => cell(`${name} ${what}`)))];
  const row = (at, k) => [new Date(at).toISOString(), ...lines.flatMap(({ lag }) => [lag.min[k], lag.avg[k], lag.max[k], lag.unknown[k]].map((figure) => figure ?? ''))];
  return [head, ...ts.map(row)].map((cells) => cells.join(',')).join('\n');
}
