/**
 * The store: what screens are told, when, and that a frozen screen stands still while nothing is lost.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Store, sampleEvery } from '../../crates/monitor/web/js/core/store.js';
import { BLANK } from '../../crates/monitor/web/js/core/table.js';
import { pastWorld } from '../../crates/monitor/web/js/core/travel.js';
import { events, replica, snapshot } from './made-up.mjs';

/** Points of the first row that somebody looked for. */
const taken = (table) => table.points(0).filter((point) => point !== BLANK).length;

/** A store with a clock of its own that has loaded one replica. */
function store(more) {
  const clock = { now: 500_000 };
  const made = new Store({ now: () => clock.now, interval: () => 0 });
  made.load(snapshot({ p: [replica('a', { poolUsage: { in: 4, out: 2 }, lastPing: 999_000 })] }, more));
  const told = [];
  made.subscribe((changes, world) => told.push({ changes, lag: world.table.lag[0] }));
  made.flush();
  return { store: made, clock, told };
}

test('the delta a server sends when only the lag moved leaves pool and seen alone', () => {
  const { store: own, told } = store();
  own.delta({ t: 1_000_500, r: [[0, 3, 250]] });
  own.flush();
  const { table } = own.world;
  assert.deepEqual([table.lag[0], table.idle[0], table.used[0], table.seen[0]], [250, 4, 2, 999_000]);
  assert.deepEqual([...told.at(-1).changes.rows], [0]);
  own.flush();
  assert.equal(told.at(-1).changes.rows.size, 0, 'a change is told once');
});

test('ages follow the clock of the server, however ours is set', () => {
  const { store: own, clock } = store();
  assert.equal(own.serverNow(), 1_000_000);
  clock.now += 3000;
  assert.equal(own.serverNow(), 1_003_000);
  own.ping(1_010_000);
  assert.equal(own.serverNow(), 1_010_000);
});

test('frozen: the screen and its clock stand still, everything is counted, nothing is lost', () => {
  const { store: own, clock, told } = store();
  own.freeze();
  assert.notEqual(own.world.table, own.live.table);
  assert.equal(told.at(-1).changes.rows.size, 0, 'screens are handed the copy');
  const before = told.length;
  clock.now += 5000;
  own.delta({ t: 1_005_000, r: [[0, 3, 250]] });
  own.log(events(1, 2));
  own.log(events(2));
  own.flush();
  assert.equal(told.length, before, 'nobody is told');
  assert.equal(own.waiting, 3, 'one row and two events wait');
  assert.equal(own.world.table.lag[0], 100);
  assert.equal(own.world.log.events.length, 0);
  assert.equal(own.serverNow(), 1_000_000);
  own.resume();
  own.flush();
  assert.equal(told.at(-1).lag, 250);
  assert.equal(own.world.log.events.length, 2);
  assert.equal(own.serverNow(), 1_005_000);
});

test('a world of the past stands in place of the live one, which goes on behind it', () => {
  const { store: own, clock, told } = store();
  const past = pastWorld(snapshot({ p: [replica('a', { lag: 700 }), replica('gone')] }, { at: 600_000, rules: [{ name: 'r' }] }), events(1, 2));
  own.visit(past);
  assert.equal(told.at(-1).lag, 700);
  assert.ok(told.at(-1).changes.structure && told.at(-1).changes.log, 'everything is drawn again');
  assert.deepEqual([own.world.rules.length, own.world.log.events.length, own.world.meta.version], [1, 2, '1.2.3']);
  const before = told.length;
  clock.now += 5000;
  own.tick();
  own.delta({ t: 1_005_000, r: [[0, 3, 250]] });
  own.load(snapshot({ p: [replica('b', { lag: 5 })] }));
  own.flush();
  assert.equal(told.length, before, 'nothing of now is told');
  assert.equal(own.serverNow(), 600_000, 'its clock stands still');
  assert.equal(taken(own.world.table), 1);
  own.resume();
  own.flush();
  assert.deepEqual([told.at(-1).lag, own.world.table.name[0], own.past, own.frozen], [5, 'b', false, false]);
});

test('while a second of the past is on its way, a page that has shown nothing shows nothing', () => {
  const { store: own, told } = store();
  own.held = true;
  const before = told.length;
  own.delta({ t: 1_005_000, r: [[0, 3, 250]] });
  own.flush();
  assert.equal(told.length, before);
  own.resume();
  own.flush();
  assert.equal(told.at(-1).lag, 250);
});

test('a hidden page is not told, and catches up when it is seen again', () => {
  const { store: own, told } = store();
  own.setHidden(true);
  const before = told.length;
  own.delta({ t: 1, r: [[0, 3, 250]] });
  own.flush();
  assert.equal(told.length, before);
  own.setHidden(false);
  own.flush();
  assert.deepEqual([...told.at(-1).changes.rows], [0]);
});

test('a new snapshot replaces rows and rules but not the log', () => {
  const { store: own } = store();
  own.log(events(1));
  own.load(snapshot({ p: [replica('b')] }, { rules: [{ name: 'r' }] }));
  assert.equal(own.live.table.name[0], 'b');
  assert.equal(own.live.rules.length, 1);
  assert.equal(own.live.log.events.length, 1);
});

test('figures of a run reach their rule, and no other', () => {
  const { store: own } = store({ rules: [{ name: 'r' }, { name: 's' }] });
  own.stats({ t: 1, rules: [[1, { inserted: 0 }], [7, { inserted: 1 }]] });
  assert.deepEqual(own.live.rules, [{ name: 'r' }, { name: 's', lastStats: { inserted: 0 } }]);
});

test('sparklines get one point a period; a lost link and a stalled source draw gaps', () => {
  const { store: own, clock } = store();
  const points = () => [...own.live.table.points(0)].filter((point) => point !== BLANK);
  const second = () => {
    clock.now += 1000;
    own.tick();
  };
  for (let k = 0; k < 6; k++) second();
  assert.equal(taken(own.live.table), 4, 'the first at once, then every two seconds');
  own.linked = false;
  second();
  second();
  own.linked = true;
  own.live.meta.source.stalledSince = 5;
  second();
  second();
  own.live.meta.source.stalledSince = null;
  second();
  second();
  assert.deepEqual(points(), [100, 100, 100, 100, NaN, NaN, 100]);
});

test('a source that is asked oftener than once a second does not squeeze the time axis', () => {
  assert.equal(sampleEvery({ pollMs: 100 }), 1000);
  assert.equal(sampleEvery({ pollMs: 5000 }), 5000);
  assert.equal(sampleEvery(null), 2000);
});
