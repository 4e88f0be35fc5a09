/**
 * The columns of all replicas: what a snapshot and its deltas mean, and that unknown is never 0.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DOWN, LAGGING, UNKNOWN, UP, VERDICT, WIRE } from '../../crates/monitor/web/js/core/states.js';
import { BLANK, HISTORY, Table } from '../../crates/monitor/web/js/core/table.js';
import { replica, snapshot } from './made-up.mjs';

const pooled = { poolUsage: { in: 4, out: 2 }, pool: { min: 1, max: 10 }, lastPing: 777 };

test('what a snapshot leaves out is unknown, and a measured zero stays zero', () => {
  const table = new Table(snapshot({ p: [{ name: 'bare', role: 'slave' }, replica('zero', { lag: 0, poolUsage: { in: 0, out: 0 }, lastPing: 0 })] }));
  for (const column of ['lag', 'idle', 'used', 'poolMin', 'poolMax', 'seen']) assert.equal(table[column][0], NaN, column);
  assert.equal(table.shown[0], UNKNOWN);
  assert.equal(table.verdict[0], VERDICT.unknown);
  assert.deepEqual([table.lag[1], table.idle[1], table.used[1], table.seen[1]], [0, 0, 0, 0]);
});

test('what a delta leaves off did not change', () => {
  const table = new Table(snapshot({ p: [replica('a', pooled)] }));
  table.apply([0, WIRE.up, 250]);
  assert.equal(table.lag[0], 250);
  assert.deepEqual([table.idle[0], table.used[0], table.seen[0]], [4, 2, 777]);
  table.apply([0, WIRE.up, 250, VERDICT.exact, 3, 3]);
  assert.deepEqual([table.idle[0], table.used[0], table.seen[0]], [3, 3, 777]);
});

test('null in a delta is unknown', () => {
  const table = new Table(snapshot({ p: [replica('a', pooled)] }));
  table.apply([0, WIRE.down, null, VERDICT.unknown, null, null, null]);
  for (const column of ['lag', 'idle', 'used', 'seen']) assert.equal(table[column][0], NaN, column);
  assert.equal(table.shown[0], DOWN);
});

test('a zero in a delta is a zero', () => {
  const table = new Table(snapshot({ p: [replica('a', pooled)] }));
  table.apply([0, WIRE.up, 0, VERDICT.exact, 0, 0, 0]);
  assert.deepEqual([table.lag[0], table.idle[0], table.used[0], table.seen[0]], [0, 0, 0, 0]);
});

test('a verdict that is left off is exact', () => {
  const table = new Table(snapshot({ p: [replica('a', { lagVerdict: 'at_least' })] }));
  assert.equal(table.verdict[0], VERDICT.at_least);
  table.apply([0, WIRE.up, 5]);
  assert.equal(table.verdict[0], VERDICT.exact);
});

test('why a lag is unknown and since when it is frozen outlive a delta: the server reloads when they change', () => {
  const table = new Table(snapshot({ p: [replica('a', { state: 'down', lag: null, lagVerdict: 'unknown', lagReason: 'refused', lagAsOf: 5 })] }));
  table.apply([0, WIRE.down, null, VERDICT.unknown, 1, 1]);
  assert.equal(table.reason.get(0), 'refused');
  assert.equal(table.asOf.get(0), 5);
});

test('a row that does not exist is let go', () => {
  const table = new Table(snapshot({ p: [replica('a')] }));
  table.apply([1, WIRE.down, 3]);
  assert.equal(table.shown[0], UP);
  assert.deepEqual([...table.counts], [0, 0, 0, 0, 1]);
});

test('counts follow the states, per project too', () => {
  const table = new Table(snapshot({ p: [replica('a'), replica('b')], q: [replica('c', { lag: 6000 })] }));
  assert.deepEqual([...table.counts], [0, 1, 0, 0, 2]);
  table.apply([0, WIRE.down, null, VERDICT.unknown]);
  table.apply([2, WIRE.up, 5000]);
  assert.equal(table.shown[2], UP, 'the limit itself is within the limit');
  assert.deepEqual([...table.counts], [1, 0, 0, 0, 2]);
  assert.deepEqual([...table.projectCounts], [1, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
});

test('only a lag that is certainly above the limit counts as lagging', () => {
  const of = (lagVerdict) => new Table(snapshot({ p: [replica('a', { lag: 9000, lagVerdict })] })).shown[0];
  assert.deepEqual(['exact', 'at_least', 'at_most'].map(of), [LAGGING, LAGGING, UP]);
});

test('names are data, whatever they are', () => {
  const table = new Table(snapshot({ ['__proto__x']: [replica('constructor'), replica('__proto__')], 'a/b': [replica('__proto__')] }));
  assert.equal(table.find('__proto__x', '__proto__'), 1);
  assert.equal(table.find('a/b', '__proto__'), 2);
  assert.equal(table.find('a', 'b'), -1);
  assert.equal(table.find('toString', 'constructor'), -1);
});

test('sparklines keep the last points, oldest first, and gaps where nothing was heard', () => {
  const table = new Table(snapshot({ p: [replica('a'), replica('b', { lag: null, lagVerdict: 'unknown' })] }));
  for (let lag = 1; lag <= HISTORY + 5; lag++) {
    table.apply([0, WIRE.up, lag]);
    table.sample(lag !== HISTORY);
  }
  const points = [...table.points(0)];
  assert.equal(points.length, 30);
  assert.deepEqual(points.slice(0, 2), [6, 7]);
  assert.deepEqual(points.slice(-6), [NaN, 31, 32, 33, 34, 35]);
  assert.ok(table.points(1).every(Number.isNaN), 'unknown is a gap, not a zero');
  assert.ok(!table.points(0).includes(BLANK));
});

test('a new structure takes over the sparklines of those that stay', () => {
  const old = new Table(snapshot({ p: [replica('gone'), replica('stays', { lag: 42 })] }));
  old.sample(true);
  const table = new Table(snapshot({ p: [replica('stays'), replica('new')] }));
  table.inherit(old);
  assert.equal(table.points(0).at(-1), 42);
  assert.equal(table.points(1).at(-1), BLANK, 'nobody looked for it yet');
  assert.equal(table.points(0).filter((point) => point !== BLANK).length, 1);
});

test('a clone stands still', () => {
  const table = new Table(snapshot({ p: [replica('a', { lagReason: 'why' })] }));
  const still = table.clone();
  table.apply([0, WIRE.down, null, VERDICT.unknown]);
  table.reason.delete(0);
  assert.deepEqual([still.shown[0], still.lag[0], still.counts[DOWN], still.reason.get(0)], [UP, 100, 0, 'why']);
});
