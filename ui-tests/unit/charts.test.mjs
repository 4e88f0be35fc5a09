/**
 * Sparkline, chart sentence and the layout of the topology graph: pure arithmetic.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { layout, ranks } from '../../crates/monitor/web/js/ui/graph.js';
import { BLANK } from '../../crates/monitor/web/js/core/table.js';
import { sentence } from '../../crates/monitor/web/js/ui/lag-chart.js';
import { sparkPath } from '../../crates/monitor/web/js/ui/spark.js';

const box = { width: 90, height: 30, limit: 100 };

test('an unknown point is a gap: neither a zero nor bridged', () => {
  const { line, gaps, last } = sparkPath([10, 20, NaN, 40], box);
  assert.equal(line.match(/M/g).length, 2, 'two pieces');
  assert.equal(line.match(/L/g).length, 1);
  assert.match(gaps, /^M45 1H75V29H45z$/);
  assert.equal(last[0], 90);
  assert.equal(sparkPath([10, NaN], box).last, null);
});

test('nobody looked before the page was opened: blank, not a gap', () => {
  const { line, gaps } = sparkPath([BLANK, BLANK, 5, 6], box);
  assert.equal(gaps, '');
  assert.match(line, /^M60 /);
});

test('the limit is always inside the picture, and so is the worst lag', () => {
  const calm = sparkPath([1, 2], box);
  const bad = sparkPath([1, 900], box);
  for (const y of [calm.limitY, bad.limitY, bad.last[1]]) assert.ok(y > 0 && y < 30, String(y));
  assert.ok(bad.last[1] < bad.limitY, 'over the limit is above its line');
});

test('a lone point can be seen', () => {
  assert.match(sparkPath([NaN, 5, NaN], box).line, /h1$/);
});

test('a chart in words counts unknown apart', () => {
  assert.equal(sentence([BLANK, 10, NaN, 6000], 5000), 'Lag: now 6.00 s, between 10 ms and 6.00 s; 1 of 2 points over the 5 s limit, 1 unknown.');
  assert.match(sentence([BLANK, NaN], 5000), /no known value/);
});

test('a project stands right of its sources, and circles end', () => {
  const flow = (from, to) => ({ from, to, both: false });
  assert.deepEqual([...ranks([1, 2, 3], [flow(1, 2), flow(2, 3), flow(1, 3)])], [[1, 0], [2, 1], [3, 2]]);
  assert.equal(ranks([1, 2], [flow(1, 2), flow(2, 1), flow(1, 1)]).size, 2);
});

test('boxes of a graph do not overlap', () => {
  const clusters = [0, 1, 2, 3, 4].map((id) => ({ id, masters: [id], slaves: [10 + id, 20 + id], more: id, stub: false }));
  const { boxes } = layout(clusters, [{ from: 0, to: 1, both: false }, { from: 0, to: 2, both: false }]);
  const all = [...boxes.values()];
  for (const a of all) {
    for (const b of all) {
      const apart = a === b || a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
      assert.ok(apart, JSON.stringify([a, b]));
    }
  }
});
