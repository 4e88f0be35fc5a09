/**
 * What was kept, bucket by bucket: unknown is never a zero, and where nobody looked nothing is said.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { pointAt } from '../../crates/monitor/web/js/core/backfill.js';
import { csv, known, timeMarks, worst } from '../../crates/monitor/web/js/core/series.js';
import { CONNECTING, DOWN, LAGGING, UNKNOWN, UP } from '../../crates/monitor/web/js/core/states.js';
import { BLANK, HISTORY, Table } from '../../crates/monitor/web/js/core/table.js';
import { roundUp, sentence, words } from '../../crates/monitor/web/js/ui/range-chart.js';
import { runsOf, stripWords } from '../../crates/monitor/web/js/ui/state-timeline.js';
import { replica, snapshot } from './made-up.mjs';

/** Known twice, unknown, never looked at. */
const lag = { min: [10, 0, null, null], avg: [20, 0, null, null], max: [9000, 0, null, null], last: [30, 0, null, null], unknown: [0.5, 0, 1, null] };
const states = (...codes) => ({ min: codes, avg: codes, max: codes, last: codes, unknown: codes.map((code) => (code === null ? null : 0)) });

test('a zero, an unknown and a time that nobody looked at are told apart', () => {
  assert.deepEqual([0, 1, 2, 3].map((k) => known(lag, k)), [20, 0, 'unknown', null]);
  assert.deepEqual([0, 1, 2, 3].map((k) => words(lag, k)), ['20 ms (10 ms to 9.00 s), unknown at times', '0 ms', 'unknown', 'nobody looked']);
  const line = csv([0, 1000, 2000, 3000], [{ name: 'a,"b"', lag }]).split('\n');
  assert.equal(line[0], 'time,"a,""b"" min","a,""b"" avg","a,""b"" max","a,""b"" unknown share"');
  assert.deepEqual(line.slice(2), ['1970-01-01T00:00:01.000Z,0,0,0,0', '1970-01-01T00:00:02.000Z,,,,1', '1970-01-01T00:00:03.000Z,,,,']);
});

test('the worst of a bucket is shown', () => {
  const at = (state, k = 0) => worst(state, { max: [9000, 0, null, null], unknown: [0, 0, 1, null] }, k, 5000);
  assert.equal(at(states(3)), LAGGING);
  assert.equal(at(states(3, 3), 1), UP);
  assert.equal(at(states(3, 3, 3), 2), UNKNOWN, 'up, and nobody knows how far behind');
  assert.equal(at(states(2)), DOWN, 'down is worse than lagging');
  assert.equal(worst({ ...states(3), min: [2] }, undefined, 0, 1), DOWN);
  assert.equal(worst(states(1), undefined, 0, 1), CONNECTING);
  assert.equal(worst(states(null), undefined, 0, 1), null);
  assert.equal(worst({ ...states(null), unknown: [1] }, undefined, 0, 1), UNKNOWN);
});

test('runs of a state say how long it lasted', () => {
  const runs = runsOf([UP, UP, DOWN, null]);
  assert.deepEqual(runs.map(({ first, last }) => [first, last]), [[0, 1], [2, 2], [3, 3]]);
  assert.equal(stripWords('r', runs, 60_000), 'r: down for 1 m, up for 2 m, nobody looked for 1 m; 1 stretch to look at.');
});

test('a chart in words counts what is over the limit, and what is unknown', () => {
  assert.equal(sentence([{ name: 'r', lag, limit: 5000 }]), 'Lag of r: at most 9.00 s, over its limit in 1 of 4 points, unknown in 1 of 4 points.');
});

test('a scale has round steps', () => {
  for (const [ms, top] of [[1, 2], [90, 200], [9000, 20_000], [5000, 8000], [60_000, 80_000]]) assert.equal(roundUp(ms), top, String(ms));
});

test('marks of time are whole and few', () => {
  for (const span of [900_000, 3_600_000, 86_400_000, 604_800_000]) {
    const marks = timeMarks(1_780_000_123_000, 1_780_000_123_000 + span);
    assert.ok(marks.length >= 3 && marks.length <= 8, `${span}: ${marks.length}`);
    assert.ok(marks.every((at) => at % 60_000 === 0));
  }
});

test('a sparkline begins with what was kept, and what the page saw itself stays', () => {
  const table = new Table(snapshot({ p: [replica('a', { lag: 7 })] }));
  table.sample(true);
  const answer = { ts: [0, 1000, 2000, 3000], width: 1000 };
  table.fill(0, (age) => pointAt(answer, lag, 3500 - age * 1000));
  const points = [...table.points(0)];
  assert.deepEqual(points.slice(-4), [30, 0, NaN, 7]);
  assert.ok(points.slice(0, HISTORY - 4).every((point) => point === BLANK));
});
