/**
 * Fills the sparklines with what the monitor kept of the time before the page was opened.
 *
 * A few questions, however many replicas there are; of those beyond, the line begins when the page was opened.
 */
import { readSeries } from './series.js';
import { sampleEvery } from './store.js';
import { HISTORY } from './table.js';

/** Series that the monitor tells in one answer, and answers that are asked for. */
const SERIES = 200;
const ANSWERS = 5;

/** @param {import('./table.js').Table} table @param {any} meta @param {number} now server clock, ms */
export async function backfill(table, meta, now) {
  const period = sampleEvery(meta);
  const from = now - HISTORY * period;
  const groups = table.projects.flatMap(({ name, first, count }) => {
    const rows = Array.from({ length: count }, (_, k) => first + k);
    return Array.from({ length: Math.ceil(count / SERIES) }, (_, part) => ({ project: name, rows: rows.slice(part * SERIES, (part + 1) * SERIES) }));
  });
  for (const { project, rows } of groups.slice(0, ANSWERS)) {
    const answer = await readSeries({ project, replicas: rows.map((i) => table.name[i]), metrics: ['lag_ms'], from, to: now, buckets: HISTORY * 2 });
    for (const i of rows) {
      const lag = answer.of(table.name[i], 'lag_ms');
      if (lag) table.fill(i, (age) => pointAt(answer, lag, now - age * period));
    }
  }
}

/** What was so at a time: a lag, NaN where it was unknown, undefined where nobody looked. */
export function pointAt({ ts, width }, lag, at) {
  const k = Math.floor((at - ts[0]) / width);
  if (!(k >= 0 && k < ts.length)) return undefined;
  if (lag.last[k] !== null) return lag.last[k];
  return lag.unknown[k] > 0 ? NaN : undefined;
}
