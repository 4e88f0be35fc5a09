/**
 * What a rule's last run tells: its state in words, shape and colour. Decides nothing about runs.
 */
import { ago, duration, num, rough, timeOf } from '../core/fmt.js';

/** Worst first; off is a decision of people and therefore never red. */
export const RULE_STATES = [
  { id: 'failing', word: 'Failing', icon: 'down', open: 'downo', badge: 'st-down', text: 't-bad' },
  { id: 'problem', word: 'Problem', icon: 'lag', open: 'lag', badge: 'st-lag', text: 't-warn' },
  { id: 'copying', word: 'Copying', icon: 'unk', open: 'unk', badge: 'st-unk', text: 't-unk' },
  { id: 'unknown', word: 'No run seen', icon: 'unk', open: 'unk', badge: 'st-unk', text: 't-unk' },
  { id: 'off', word: 'Off', icon: 'pause', open: 'pause', badge: 'st-pause', text: 't-pause' },
  { id: 'ok', word: 'Synced', icon: 'up', open: 'up', badge: 'st-up', text: 't-ok' },
];
const [FAILING, PROBLEM, COPYING, UNSEEN, OFF, SYNCED] = RULE_STATES.keys();

/** @returns {number} index into RULE_STATES */
export function ruleState(rule) {
  if (rule.enabled === false) return OFF;
  if (rule.problem) return PROBLEM;
  const stats = rule.lastStats;
  if (!stats) return UNSEEN;
  if (stats.failed > 0 || stats.lastError) return FAILING;
  if (stats.verified?.differing > 0) return PROBLEM;
  if (stats.phase === 'resting' && stats.lastRun == null) return UNSEEN;
  return stats.phase === 'starting' || stats.phase === 'copying' ? COPYING : SYNCED;
}

/** When the last run ended, NaN when nobody knows. */
export const lastRun = (rule) => timeOf(rule.lastStats?.lastRun ?? rule.lastStats?.lastSync);

/** `source → target`, or `⇄` when data flows both ways. */
export const arrow = (rule) => (rule.mode === 'bidirectional' ? '⇄' : '→');

/** Rows of the last run as figure and word; what was not told is left out. */
export function runFigures(stats) {
  if (!stats) return [];
  const figures = [['inserted', '+', 'ins'], ['updated', '', 'upd'], ['deleted', '−', 'del'], ['failed', '', 'failed']];
  return figures
    .filter(([name]) => stats[name] != null && (name !== 'failed' || stats.failed > 0))
    .map(([name, sign, word]) => ({ text: signed(sign, stats[name]), word, long: name, bad: name === 'failed' }));
}

/** `+3`, `−1`, but a plain `0`: nothing has no direction. */
export const signed = (sign, count) => `${count === 0 ? '' : sign}${num(count)}`;

/** How long the last run took, in words, or ''. */
export const runTook = (stats) => (stats?.durationMs == null ? '' : duration(stats.durationMs));

/** What a comparison of both ends found: `1 204 rows the same, 3 minutes ago`, or how many differ; '' when there was none. */
export function verifiedWords(verified, now) {
  if (!verified) return '';
  const rows = verified.tables.reduce((sum, table) => sum + table.rows, 0);
  const more = verified.tables.some((table) => table.andMore) ? ' or more' : '';
  const found = verified.differing > 0 ? `${num(verified.differing)}${more} rows differ, of ${num(rows)}` : verified.tables.length ? `${num(rows)} rows the same` : 'nothing compared';
  return [`${found}, ${ago(verified.at, now)}`, ...(verified.problems ?? [])].join('; ');
}

/** The same, table by table, in a badge's words: `verified`, `3 rows differ`; '' when it was not compared. */
export function tableVerified(verified, table) {
  const own = verified?.tables.filter((one) => one.table === table) ?? [];
  if (!own.length) return '';
  const differing = own.reduce((sum, one) => sum + one.missing + one.changed + one.extra, 0);
  return differing > 0 ? `${num(differing)}${own.some((one) => one.andMore) ? ' or more' : ''} rows differ` : 'verified';
}

/** How far a copy is: `1,200 of about 4,000 rows`, `30 s left`. */
export function copyWords(copy) {
  if (!copy) return [];
  const of = copy.expected == null ? '' : ` of about ${num(copy.expected)}`;
  return [`${num(copy.rows)}${of} rows read`, copy.leftMs == null ? '' : `${rough(copy.leftMs)} left`];
}

/** How far the target of a rule that is kept going is behind: `lag 12 ms`, `3 changes left`; what is not known is left out. */
export function behindWords(stats) {
  if (!stats?.phase) return [];
  const left = stats.backlog != null ? `${num(stats.backlog)} changes left` : stats.backlogBytes > 0 ? `${num(stats.backlogBytes)} bytes of log left` : '';
  const lost = stats.conflicts > 0 ? `${num(stats.conflicts)} conflicts` : '';
  return [stats.phase, ...copyWords(stats.copy), stats.lagMs == null ? '' : `lag ${duration(stats.lagMs)}`, stats.backlog === 0 ? '' : left, lost].filter(Boolean);
}
