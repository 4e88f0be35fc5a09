/**
 * Numbers, durations and times in words; unknown never becomes a figure.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ago, clock, dateTime, duration, lagWords, num, percent, plural, rough, timeOf, words } from '../../crates/monitor/web/js/core/fmt.js';
import { VERDICT } from '../../crates/monitor/web/js/core/states.js';

test('what is unknown is a dash or a word', () => {
  for (const nothing of [null, undefined, NaN]) {
    assert.equal(num(nothing), '—');
    assert.equal(ago(nothing, 5), 'never');
  }
  assert.equal(num(0), '0');
  assert.equal(clock(NaN, true), '—');
  assert.equal(dateTime(NaN, true), '—');
  assert.equal(timeOf(undefined), NaN);
  assert.equal(timeOf('nonsense'), NaN);
});

test('durations have at most two units and round up into the next', () => {
  const told = { 0: '0 ms', 999: '999 ms', 999.6: '1.00 s', 2380: '2.38 s', 9996: '10.0 s', 59_960: '1 m', 60_000: '1 m', 192_000: '3 m 12 s', 3_600_000: '1 h', 273_600_000: '3 d 4 h' };
  for (const [ms, text] of Object.entries(told)) assert.equal(duration(Number(ms)), text);
});

test('counters tick without fractions, and a clock that runs ahead counts as now', () => {
  assert.equal(rough(4400), '4 s');
  assert.equal(ago(1000, 5400), '4 s ago');
  assert.equal(ago(9000, 5000), 'just now');
});

test('thousands, plurals, shares, identifiers', () => {
  assert.equal(num(1234567), '1\u202f234\u202f567');
  assert.equal(plural(1, 'replica'), '1 replica');
  assert.equal(plural(0, 'replica'), '0 replicas');
  assert.equal(percent(999, 1000), '99 %', 'not 100 while something is missing');
  assert.equal(percent(1, 1), '100 %');
  assert.equal(words('source-wins'), 'source wins');
});

test('times in UTC', () => {
  const ts = Date.UTC(2026, 10, 23, 4, 2, 31, 7);
  assert.equal(clock(ts, true), '04:02:31');
  assert.equal(clock(ts, true, true), '04:02:31.007');
  assert.equal(dateTime(ts, true), '2026-11-23 04:02:31 UTC');
});

test('a lag says what is known of it', () => {
  const lag = (verdict, ms, master = false) => lagWords({ lag: ms, verdict: VERDICT[verdict], master });
  assert.equal(lag('exact', 0), '0 ms');
  assert.equal(lag('exact', NaN), '— unknown');
  assert.equal(lag('unknown', 5), '— unknown');
  assert.equal(lag('at_least', 9000), '≥ 9.00 s');
  assert.equal(lag('at_most', 9000), '≤ 9.00 s');
  assert.equal(lag('not_applicable', NaN, true), '— source');
});
