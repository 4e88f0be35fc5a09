/**
 * The activity log of the page: every event once, in order, with numbers that hold.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { KEEP, Log } from '../../crates/monitor/web/js/core/log.js';
import { events } from './made-up.mjs';

const seqs = (log) => log.events.map(({ seq }) => seq);
const upTo = (n, from = 1) => events(...Array.from({ length: n - from + 1 }, (_, k) => k + from));

test('a stream that repeats itself adds nothing', () => {
  const log = new Log();
  log.add(events(1, 2, 3));
  log.add(events(2, 3, 4));
  log.add(events(1, 4));
  assert.deepEqual(seqs(log), [1, 2, 3, 4]);
  assert.equal(log.epoch, 0, 'numbers still hold');
});

test('a lag that moved does not bury what happened', () => {
  const log = new Log();
  log.add([{ seq: 1, lagOnly: true }, { seq: 2 }, { seq: 3, lagOnly: true }]);
  assert.deepEqual(seqs(log), [2]);
});

test('what the server remembers is put where it belongs', () => {
  const log = new Log();
  log.add(events(5, 8));
  log.add(events(3, 5, 6, 8, 9));
  assert.deepEqual(seqs(log), [3, 5, 6, 8, 9]);
  assert.equal(log.epoch, 1, 'numbers start over');
  assert.equal(log.at(log.end - 1).seq, 9);
});

test('an event that comes late by the stream is not lost', () => {
  const log = new Log();
  log.add(events(4, 7));
  log.add(events(5, 6));
  assert.deepEqual(seqs(log), [4, 5, 6, 7]);
});

test('it holds a bounded number, keeps numbers, and takes nothing back that it let go of', () => {
  const log = new Log();
  log.add(upTo(KEEP));
  const number = log.end - 1;
  log.add(upTo(KEEP + 1, KEEP + 1));
  assert.equal(log.events.length, KEEP + 1 - KEEP / 10);
  assert.equal(log.at(number).seq, KEEP);
  assert.equal(log.at(0), undefined);
  log.add(events(1, 2, 3));
  assert.equal(log.events[0].seq, KEEP / 10 + 1);
});

test('a clone stands still', () => {
  const log = new Log();
  log.add(events(1));
  const still = log.clone();
  log.add(events(2));
  assert.deepEqual(seqs(still), [1]);
});
