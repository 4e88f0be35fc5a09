/**
 * The maths of the windowed list.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { offsets, rowAt } from '../../crates/monitor/web/js/core/vlist.js';

test('offsets add up, the last is the whole height', () => {
  assert.deepEqual([...offsets(3, (i) => [40, 52, 52][i])], [0, 40, 92, 144]);
  assert.deepEqual([...offsets(0, () => 1)], [0]);
});

test('the row at a height is the last that begins there or above', () => {
  const tops = offsets(4, () => 50);
  assert.deepEqual([-10, 0, 49, 50, 199, 200, 9999].map((y) => rowAt(tops, y)), [0, 0, 0, 1, 3, 3, 3]);
  assert.equal(rowAt(offsets(0, () => 50), 10), 0);
});

test('a hundred thousand rows are found at once', () => {
  const tops = offsets(100_000, (i) => (i % 11 === 0 ? 40 : 52));
  for (const i of [0, 1, 11, 50_000, 99_999]) assert.equal(rowAt(tops, tops[i]), i);
});
