/**
 * What this page knows, and when it redraws.
 *
 * Messages change `live` at once; screens read `world` and are told about changes at most every
 * 250 ms. Both are the same object until the reader freezes the page: then `world` becomes a copy
 * that stands still while `live` goes on, so nothing is lost and nothing moves. A world of the past
 * stands in the same place. A hidden tab is not told at all. The store opens no connection and touches no DOM.
 */
import { Log } from './log.js';
import { Table } from './table.js';

/**
 * @typedef {object} World
 * @property {Table | null} table null until the first snapshot
 * @property {any[]} rules
 * @property {any} meta the snapshot without its rows: version, source, capabilities, problems
 * @property {Log} log
 * @property {number} time server clock of the newest message, ms
 */

/**
 * What changed since the last redraw.
 * @typedef {object} Changes
 * @property {boolean} structure rows or rules came or went: everything derived is void
 * @property {Set<number>} rows
 * @property {boolean} rules
 * @property {boolean} log
 * @property {boolean} sample sparklines moved on
 * @property {boolean} tick a second passed: ages grew
 */

/** What a snapshot says, as part of a world. @param {any} snapshot */
export function worldOf({ projects, rules, ...meta }) {
  return { table: new Table({ projects }), rules: rules ?? [], meta };
}

/** Between two looks at the clock, ms. */
export const TICK = 1000;

/** Between two points of a sparkline, ms: every poll period, but no more often than the clock is looked at. */
export const sampleEvery = (meta) => Math.max(TICK, meta?.pollMs || 2000);

const nothing = () => ({ structure: false, rows: new Set(), rules: false, log: false, sample: false, tick: false });

/** Durations of the last redraws in ms, for tests and curious engineers. */
const flushes = (globalThis.__flush = []);

export class Store {
  /** @param {{ now?: () => number, interval?: () => number }} [options] */
  constructor({ now = () => Date.now(), interval = () => 250 } = {}) {
    this.now = now;
    this.interval = interval;
    /** @type {World} */
    this.live = { table: null, rules: [], meta: null, log: new Log(), time: 0 };
    this.world = this.live;
    this.frozenAt = 0;
    /** Whether `world` is one of the past. */
    this.past = false;
    /** Whether nothing may be shown yet: the address names a second of the past, which is on its way. */
    this.held = false;
    /** Row changes and events that wait behind the frozen screen. */
    this.waiting = 0;
    this.hidden = false;
    /** Server clock minus ours: ages must not depend on how the reader's clock is set. */
    this.skew = 0;
    /** True while the link is up: a lost link draws gaps. */
    this.linked = true;
    this.sampled = 0;
    this.changes = nothing();
    this.timer = null;
    this.last = -Infinity;
    /** @type {Set<(changes: Changes, world: World) => void>} */
    this.listeners = new Set();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Our best idea of the server's clock; on a frozen screen time stands still like everything else. */
  serverNow() {
    return this.frozenAt || this.now() + this.skew;
  }

  /** @param {any} snapshot */
  load(snapshot) {
    const world = worldOf(snapshot);
    if (this.live.table) world.table.inherit(this.live.table);
    Object.assign(this.live, world);
    this.#time(snapshot.ts);
    this.#mark({ structure: true, rules: true });
    this.#count(1);
  }

  /** @param {{ t: number, r: (number | null)[][] }} delta */
  delta({ t, r }) {
    this.#time(t);
    const { table } = this.live;
    for (const row of r) {
      table.apply(row);
      this.changes.rows.add(row[0]);
    }
    this.#count(r.length);
    this.#schedule();
  }

  /** @param {{ t: number, r: [number, any][] }} detail rows of which more than figures changed */
  detail({ t, r }) {
    this.#time(t);
    for (const row of r) {
      this.live.table.replace(row);
      this.changes.rows.add(row[0]);
    }
    this.#count(r.length);
    this.#schedule();
  }

  /** @param {import('./log.js').Event[]} events oldest first */
  log(events) {
    const before = this.live.log.end;
    this.live.log.add(events);
    this.#mark({ log: true });
    this.#count(this.live.log.end - before);
  }

  /** @param {{ t: number, rules: [number, any][] }} stats */
  stats({ t, rules }) {
    this.#time(t);
    for (const [i, lastStats] of rules) {
      if (this.live.rules[i]) this.live.rules[i] = { ...this.live.rules[i], lastStats };
    }
    this.#mark({ rules: true });
    this.#count(rules.length);
  }

  ping(t) {
    this.#time(t);
  }

  /** Every `TICK`: ages grow, and now and then the sparklines get a point. */
  tick() {
    const { table, meta } = this.live;
    const period = sampleEvery(meta);
    if (table && this.now() - this.sampled >= period) {
      table.sample(this.linked && !meta.source?.stalledSince);
      // Keep the beat even when the browser delays timers, but never try to catch up.
      this.sampled = this.now() - ((this.now() - this.sampled) % period);
      this.changes.sample = true;
    }
    this.#mark({ tick: true });
  }

  /** Sparklines got points of before. */
  filled() {
    this.#mark({ sample: true });
  }

  get frozen() {
    return this.frozenAt > 0;
  }

  freeze() {
    if (this.frozen || !this.live.table) return;
    this.flush();
    const { table, rules, log } = this.live;
    this.#hold({ ...this.live, table: table.clone(), rules: rules.slice(), log: log.clone() }, this.serverNow());
    // Nothing changed, but from here on rows are drawn from the copy, and all ages as of now.
    this.#tell({ ...nothing(), tick: true });
  }

  /** Shows a world of the past in place of the live one, which goes on behind it. @param {World} world */
  visit(world) {
    this.past = true;
    this.#hold(world, world.time);
    this.#tell({ ...nothing(), structure: true, rules: true, log: true, sample: true, tick: true });
  }

  #hold(world, at) {
    this.world = world;
    this.frozenAt = at;
    this.waiting = 0;
    this.held = false;
  }

  /** Back to what is live. */
  resume() {
    if (!this.frozen && !this.held) return;
    this.#hold(this.live, 0);
    this.past = false;
    this.#mark({ structure: true, rules: true, log: true, sample: true });
  }

  setHidden(hidden) {
    this.hidden = hidden;
    if (!hidden) this.#schedule();
  }

  /** Tells everybody now. */
  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.frozen || this.held || this.hidden) return;
    const { changes } = this;
    this.changes = nothing();
    this.#tell(changes);
  }

  #tell(changes) {
    const start = performance.now();
    this.last = start;
    for (const listener of this.listeners) listener(changes, this.world);
    flushes.push(performance.now() - start);
    if (flushes.length > 400) flushes.splice(0, 200);
  }

  #time(t) {
    if (!t) return;
    this.live.time = Math.max(this.live.time, t);
    this.skew = t - this.now();
  }

  #count(changes) {
    if (this.frozen) this.waiting += changes;
  }

  #mark(what) {
    Object.assign(this.changes, what);
    this.#schedule();
  }

  #schedule() {
    if (this.timer !== null || this.frozen || this.held || this.hidden) return;
    const wait = Math.max(0, this.last + this.interval() - performance.now());
    this.timer = setTimeout(() => this.flush(), wait);
  }
}
