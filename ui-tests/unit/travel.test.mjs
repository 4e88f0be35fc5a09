/**
 * The strip of time: what the browser's field says is read in the time zone that the page shows, and back.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { refusal } from '../../crates/monitor/web/js/core/command.js';
import { fieldText, fieldTime } from '../../crates/monitor/web/js/ui/time-bar.js';
import { coverWords, look, sinceWords, whoWords } from '../../crates/monitor/web/js/ui/alert-words.js';

test('a second goes into the field and comes back, in both time zones', () => {
  const ts = Date.UTC(2026, 10, 27, 2, 17, 5);
  assert.equal(fieldText(ts, true), '2026-11-27T02:17:05');
  for (const utc of [true, false]) assert.equal(fieldTime(fieldText(ts, utc), utc), ts);
  assert.ok(Number.isNaN(fieldTime('', true)) && Number.isNaN(fieldTime('soon', false)));
});

test('a refusal is the words of the monitor, where it has some', () => {
  assert.equal(refusal(404, '{"error":"that time is not kept"}'), 'that time is not kept');
  assert.match(refusal(401, 'unauthorized'), /signed out/);
  assert.match(refusal(502, '<html>'), /502/);
});

test('only what fires and nobody silenced asks to act', () => {
  const word = (alert) => look({ severity: 'critical', silence: null, ...alert })[2];
  assert.deepEqual(['firing', 'pending', 'resolved'].map((state) => word({ state })), ['Critical', 'Pending', 'Resolved']);
  assert.equal(word({ state: 'firing', severity: 'warning' }), 'Warning');
  assert.equal(word({ state: 'firing', silence: { by: 'x' } }), 'Silenced');
  assert.equal(word({ state: 'resolved', silence: { by: 'x' } }), 'Resolved');
});

test('an alert says since when, or how long it was, and who cares for it', () => {
  assert.equal(sinceWords({ state: 'firing', since: 1000 }, 191_000)[0], '3 m 10 s');
  assert.deepEqual(sinceWords({ state: 'resolved', since: 1000, resolvedAt: 61_000 }, 71_000), ['lasted 1 m', 'over for 10 s']);
  assert.equal(whoWords({ state: 'firing' }, 0)[0], 'nobody yet');
  assert.deepEqual(whoWords({ state: 'firing', ack: { by: 'kim', why: 'mine' } }, 0), ['taken on by kim', 'mine']);
  assert.match(whoWords({ state: 'firing', silence: { by: 'kim', why: 'disks', until: 0 } }, 0)[1], /^until \d.*: disks$/);
});

test('a silence says what it covers', () => {
  assert.equal(coverWords({}), 'every condition of everything');
  assert.equal(coverWords({ condition: 'rule_failed', rule: 'r' }), 'rule failed of rule r');
  assert.equal(coverWords({ condition: 'lag', project: 'p', replica: 'a' }), 'lag of a (p)');
});
