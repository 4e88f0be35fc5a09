/**
 * What rows and events mean: severity, the worst replicas, the state of a rule.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { num } from '../../crates/monitor/web/js/core/fmt.js';
import { Table } from '../../crates/monitor/web/js/core/table.js';
import { why, worstRows } from '../../crates/monitor/web/js/ui/attention.js';
import { severity, syncWords } from '../../crates/monitor/web/js/ui/events.js';
import { RULE_STATES, behindWords, lastRun, ruleState, runFigures, tableVerified, verifiedWords } from '../../crates/monitor/web/js/ui/rule-state.js';
import { lagNote } from '../../crates/monitor/web/js/ui/parts.js';
import { replica, snapshot } from './made-up.mjs';

const rule = (lastStats, more) => RULE_STATES[ruleState({ lastStats, ...more })].id;

test('a run nobody reported is not a run that moved nothing', () => {
  assert.equal(rule(undefined), 'unknown');
  assert.equal(rule({ inserted: 0 }), 'ok');
  assert.deepEqual(runFigures(undefined), []);
  assert.deepEqual(runFigures({ inserted: 0, failed: 0 }).map(({ text, word }) => `${text} ${word}`), ['0 ins']);
  assert.equal(syncWords({ updated: 2, durationMs: 400 }), '2 upd, 400 ms');
});

test('failing, declared wrong and switched off are three things', () => {
  assert.equal(rule({ failed: 1 }), 'failing');
  assert.equal(rule({ lastError: 'x' }), 'failing');
  assert.equal(rule({ failed: 0 }, { problem: 'no such project' }), 'problem');
  assert.equal(rule({ failed: 9 }, { enabled: false }), 'off');
});

test('a rule that is kept going tells what it does and how far it is behind', () => {
  assert.equal(rule({ phase: 'copying' }), 'copying');
  assert.equal(rule({ phase: 'resting' }), 'unknown');
  assert.equal(rule({ phase: 'resting', lastRun: 1 }), 'ok');
  assert.equal(rule({ phase: 'streaming' }), 'ok');
  assert.equal(rule({ phase: 'waiting', lastError: 'no answer' }), 'failing');
  assert.deepEqual(behindWords({ phase: 'streaming', lagMs: 12, backlog: 3 }), ['streaming', 'lag 12 ms', '3 changes left']);
  assert.deepEqual(behindWords({ phase: 'streaming', lagMs: 0, backlog: 0, backlogBytes: 0 }), ['streaming', 'lag 0 ms']);
  assert.deepEqual(behindWords({ phase: 'streaming', conflicts: 0 }), ['streaming']);
  assert.deepEqual(behindWords({ phase: 'streaming', conflicts: 2 }), ['streaming', '2 conflicts']);
  assert.deepEqual(behindWords({ phase: 'copying', copy: { rows: 12 } }), ['copying', '12 rows read']);
  assert.deepEqual(behindWords({ phase: 'copying', copy: { rows: 12, expected: 40, leftMs: 3000 } }), ['copying', '12 of about 40 rows read', '3 s left']);
  const table = { table: 'users', rows: 1200, missing: 0, changed: 0, extra: 0, andMore: false };
  const same = { at: 1000, differing: 0, tables: [table] };
  assert.equal(verifiedWords(undefined, 4000), '');
  assert.equal(verifiedWords(same, 4000), `${num(1200)} rows the same, 3 s ago`);
  assert.deepEqual([tableVerified(same, 'users'), tableVerified(same, 'orders'), tableVerified(undefined, 'users')], ['verified', '', '']);
  const other = { at: 1000, differing: 2, tables: [{ ...table, missing: 2, andMore: true }], problems: ['m: orders is not compared: no key'] };
  assert.equal(verifiedWords(other, 4000), `2 or more rows differ, of ${num(1200)}, 3 s ago; m: orders is not compared: no key`);
  assert.equal(tableVerified(other, 'users'), '2 or more rows differ');
  assert.equal(rule({ phase: 'streaming', verified: other }), 'problem');
  assert.deepEqual(behindWords({ phase: 'waiting', backlogBytes: 2048 }), ['waiting', '2 048 bytes of log left'.replace(' ', '\u202f')]);
  assert.deepEqual(behindWords({ inserted: 1 }), []);
});

test('a run has a time as a number, as text, or none', () => {
  assert.equal(lastRun({ lastStats: { lastRun: '2026-01-01T00:00:00Z' } }), Date.UTC(2026, 0, 1));
  assert.equal(lastRun({ lastStats: { lastSync: 5 } }), 5);
  assert.equal(lastRun({ lastStats: {} }), NaN);
  assert.equal(lastRun({}), NaN);
});

test('errors are what failed; starting and finishing is chatter', () => {
  const told = [{ type: 'error' }, { type: 'replica.state', state: 'down' }, { type: 'rule.sync.done', stats: { failed: 1 } }, { type: 'rule.sync.done', stats: {} }, { type: 'rule.sync.start' }, { type: 'deploy' }];
  assert.deepEqual(told.map(severity), ['error', 'error', 'error', 'note', 'note', 'change']);
});

test('what needs attention: down, then lagging by lag, then unmeasured where measuring is possible', () => {
  const table = new Table(snapshot({ p: [replica('up'), replica('lag', { lag: 6000 }), replica('worse', { lag: 9000 }), replica('what', { state: 'unknown', lag: null }), replica('down', { state: 'down', lag: null })] }));
  const names = (measured, most) => worstRows(table, measured, most).map((i) => table.name[i]);
  assert.deepEqual(names(true), ['down', 'worse', 'lag', 'what']);
  assert.deepEqual(names(false), ['down', 'worse', 'lag']);
  assert.deepEqual(names(true, 2), ['down', 'worse']);
});

test('why a replica is there', () => {
  const table = new Table(snapshot({ p: [replica('a', { state: 'down', lag: null, lastPing: 1000 }), replica('b', { state: 'down', lag: null }), replica('c', { lag: 9000 })] }));
  assert.equal(why(table, 0, 61_000), 'Not reachable, last seen 1 m ago');
  assert.equal(why(table, 1, 61_000), 'Not reachable, and never was');
  assert.match(why(table, 2, 0), /^9\.00 s behind, over the 5 s limit$/);
});

test('beside a lag stands its share of the limit, or its age when it is frozen', () => {
  assert.equal(lagNote({ lag: 2500, tolerance: 5000 }), ' · 50 % of 5 s');
  assert.equal(lagNote({ lag: 2500, tolerance: 5000, asOf: 1000, now: 6000 }), ', as of 5 s ago');
});
