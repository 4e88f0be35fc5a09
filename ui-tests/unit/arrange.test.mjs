/**
 * Filter, sort and group, as pure functions over the columns.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { filterRows, layLines, sortRows, statesIn } from '../../crates/monitor/web/js/core/arrange.js';
import { Table } from '../../crates/monitor/web/js/core/table.js';
import { replica, snapshot } from './made-up.mjs';

const table = () => new Table(snapshot({
  shop: [replica('master', { role: 'master', lag: null, lagVerdict: 'not_applicable' }), replica('slave-10', { lag: 50 }), replica('slave-2', { lag: 9000 })],
  Blog: [replica('slave-1', { dialect: 'mariadb', state: 'down', lag: null, lagVerdict: 'unknown' }), replica('slave-3', { lag: 400 })],
}));
const names = (own, rows) => [...rows].map((i) => own.name[i]);
const filtered = (filter) => {
  const own = table();
  return names(own, filterRows(own, filter));
};

test('every word must occur, in name, project, dialect or role, in any case', () => {
  assert.deepEqual(filtered({ q: 'SLAVE blog' }), ['slave-1', 'slave-3']);
  assert.deepEqual(filtered({ q: '  mariadb ' }), ['slave-1']);
  assert.deepEqual(filtered({ q: 'master' }), ['master']);
  assert.deepEqual(filtered({ q: 'nothing like it' }), []);
  assert.equal(filtered({}).length, 5);
});

test('a word does not match across two facts', () => {
  assert.deepEqual(filtered({ q: 'slave-1mariadb' }), []);
});

test('states and project narrow, alone and together', () => {
  assert.deepEqual(filtered({ states: ['down', 'lagging'] }), ['slave-2', 'slave-1']);
  assert.deepEqual(filtered({ states: ['up'], project: 'Blog' }), ['slave-3']);
  assert.deepEqual(filtered({ project: 'no such project' }), []);
});

test('states of an address that are none are ignored', () => {
  assert.deepEqual(statesIn('down,nonsense,__proto__,up'), ['down', 'up']);
  assert.deepEqual(statesIn(null), []);
});

test('worst first puts down before lagging before up, the larger lag first', () => {
  const own = table();
  assert.deepEqual(names(own, sortRows(own, filterRows(own, {}), 'worst')), ['slave-1', 'slave-2', 'slave-3', 'slave-10', 'master']);
});

test('an unknown lag sorts after every known one, even after zero', () => {
  const own = new Table(snapshot({ p: [replica('unknown', { lag: null }), replica('zero', { lag: 0 }), replica('one', { lag: 1 })] }));
  assert.deepEqual(names(own, sortRows(own, filterRows(own, {}), 'lag')), ['one', 'zero', 'unknown']);
});

test('names sort as people count: 2 before 10', () => {
  const own = table();
  assert.deepEqual(names(own, sortRows(own, filterRows(own, {}), 'name')), ['master', 'slave-1', 'slave-2', 'slave-3', 'slave-10']);
});

test('an order nobody knows is the worst first', () => {
  const own = table();
  for (const order of ['nonsense', 'toString', '__proto__']) assert.deepEqual(names(own, sortRows(own, filterRows(own, {}), order))[0], 'slave-1');
});

test('groups stand in the order of their first row and hold all of theirs', () => {
  const own = table();
  const lines = layLines(own, sortRows(own, filterRows(own, {}), 'worst'), { group: true });
  const told = Array.from({ length: lines.size }, (_, line) => (lines.header(line) >= 0 ? `# ${own.projects[lines.header(line)].name}` : own.name[lines.rows[lines.first(line)]]));
  assert.deepEqual(told, ['# Blog', 'slave-1', 'slave-3', '# shop', 'slave-2', 'slave-10', 'master']);
});

test('a closed group is one line; cards share lines', () => {
  const own = table();
  const rows = filterRows(own, {});
  assert.equal(layLines(own, rows, { group: true, closed: (name) => name === 'shop' }).size, 4);
  const cards = layLines(own, rows, { group: true, perLine: 2 });
  assert.deepEqual(Array.from({ length: cards.size }, (_, line) => (cards.header(line) >= 0 ? 'group' : cards.length(line))), ['group', 2, 1, 'group', 2]);
});

test('ten thousand rows lose none', () => {
  const own = new Table(snapshot({ p: Array.from({ length: 10_000 }, (_, i) => replica(`r-${i}`, { lag: (i * 7919) % 6000 })) }));
  const rows = sortRows(own, filterRows(own, { q: 'r-' }), 'worst');
  assert.equal(new Set(rows).size, 10_000);
});
