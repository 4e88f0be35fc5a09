/**
 * Every replica of one structure, in columns: one typed array per fact.
 *
 * A change of 5 000 replicas is 5 000 writes into arrays, not 5 000 objects. NaN is unknown; 0 is a
 * measured zero. A table never changes its rows: when replicas come or go, the store makes a new
 * table and takes over what is known from the old one. It draws nothing and knows no server.
 */
import { DEFAULT_TOLERANCE, STATES, VERDICT, WIRE, displayState } from './states.js';

/** Points kept for the sparkline of each replica. */
export const HISTORY = 30;
/** A point of which nobody knows anything, not even that it was unknown: nobody looked. No lag is below 0. */
export const BLANK = -1;

/** @typedef {{ name: string, routing: string | null, first: number, count: number }} ProjectSpan */

export class Table {
  /** @param {any} snapshot the parsed `api/snapshot` */
  constructor(snapshot) {
    const total = snapshot.projects.reduce((sum, project) => sum + project.replicas.length, 0);
    this.size = total;
    /** @type {ProjectSpan[]} rows of a project lie side by side */
    this.projects = [];
    this.project = new Uint32Array(total);
    this.name = new Array(total);
    this.dialect = new Array(total);
    this.master = new Uint8Array(total);
    this.state = new Uint8Array(total);
    this.shown = new Uint8Array(total);
    this.verdict = new Uint8Array(total);
    this.lag = new Float32Array(total).fill(NaN);
    this.tolerance = new Float32Array(total).fill(DEFAULT_TOLERANCE);
    this.idle = new Float32Array(total).fill(NaN);
    this.used = new Float32Array(total).fill(NaN);
    this.poolMin = new Float32Array(total).fill(NaN);
    this.poolMax = new Float32Array(total).fill(NaN);
    this.seen = new Float64Array(total).fill(NaN);
    /** Facts that few replicas have, or all share: kept out of the columns. @type {Map<number, string>} */
    this.reason = new Map();
    this.asOf = new Map();
    this.problem = new Map();
    /** What servers say of themselves, without figures that change with every look. @type {Map<number, any>} */
    this.observed = new Map();
    /** Oldest to newest around `head`; one column of all lags per sample. */
    this.history = new Float32Array(total * HISTORY).fill(BLANK);
    this.head = 0;
    this.counts = new Uint32Array(STATES.length);
    this.#read(snapshot.projects);
    this.projectCounts = new Uint32Array(this.projects.length * STATES.length);
    for (let i = 0; i < total; i++) this.#judge(i, -1);
    this.#indexes();
  }

  #read(projects) {
    const dialects = new Map();
    const reasons = new Map();
    // One string object per distinct text: a hundred thousand equal reasons must not cost megabytes.
    const intern = (pool, text) => pool.get(text) ?? (pool.set(text, text), text);
    let i = 0;
    for (const project of projects) {
      this.projects.push({ name: project.name, routing: project.routing ?? null, first: i, count: project.replicas.length });
      for (const replica of project.replicas) {
        this.project[i] = this.projects.length - 1;
        this.name[i] = replica.name;
        this.dialect[i] = intern(dialects, replica.dialect ?? 'unknown');
        this.#row(i, replica);
        if (replica.lagReason) this.reason.set(i, intern(reasons, replica.lagReason));
        i++;
      }
    }
  }

  /** All that may change of a row. */
  #row(i, replica) {
    this.master[i] = replica.role === 'master' ? 1 : 0;
    this.state[i] = WIRE[replica.state] ?? WIRE.unknown;
    this.lag[i] = replica.lag ?? NaN;
    this.verdict[i] = VERDICT[replica.lagVerdict] ?? (replica.lag == null ? VERDICT.unknown : VERDICT.exact);
    if (replica.lagTolerance != null) this.tolerance[i] = replica.lagTolerance;
    this.idle[i] = replica.poolUsage?.in ?? NaN;
    this.used[i] = replica.poolUsage?.out ?? NaN;
    this.poolMin[i] = replica.pool?.min ?? NaN;
    this.poolMax[i] = replica.pool?.max ?? NaN;
    this.seen[i] = replica.lastPing ?? NaN;
    const { evidence, ...observed } = replica.observed ?? {};
    const few = [['reason', replica.lagReason], ['asOf', replica.lagAsOf], ['problem', replica.problem], ['observed', replica.observed && observed]];
    for (const [fact, value] of few) value == null ? this[fact].delete(i) : this[fact].set(i, value);
  }

  /** Takes one row of a `detail`: everything that is known of it now. @param {[number, any]} row */
  replace([i, replica]) {
    if (!(i < this.size)) return;
    this.#row(i, replica);
    this.#judge(i, this.shown[i]);
  }

  #indexes() {
    /** Maps, not objects: `__proto__` is a fine name. @type {Map<string, Map<string, number>>} */
    this.index = new Map();
    for (const { name, first, count } of this.projects) {
      const rows = this.index.get(name) ?? new Map();
      for (let i = first; i < first + count; i++) rows.set(this.name[i], i);
      this.index.set(name, rows);
    }
  }

  /** Row of a replica, or -1. */
  find(project, name) {
    return this.index.get(project)?.get(name) ?? -1;
  }

  /** Decides the shown state of a row and keeps the counts right. */
  #judge(i, before) {
    const after = displayState(this.state[i], this.lag[i], this.verdict[i], this.tolerance[i]);
    this.shown[i] = after;
    if (after === before) return;
    const base = this.project[i] * STATES.length;
    if (before >= 0) {
      this.counts[before]--;
      this.projectCounts[base + before]--;
    }
    this.counts[after]++;
    this.projectCounts[base + after]++;
  }

  /**
   * Takes one row of a `delta`: `[i, state, lag, verdict, in, out, seen]`.
   *
   * What is left off at the end did not change, except that a verdict left off is exact; `null` is
   * unknown. Why a lag is unknown and since when it is frozen never change by a delta, but by a `detail`.
   * @param {(number | null)[]} row
   */
  apply(row) {
    const [i, state, lag, verdict = VERDICT.exact, idle, used, seen] = row;
    if (!(i < this.size)) return;
    this.state[i] = state;
    this.lag[i] = lag ?? NaN;
    this.verdict[i] = verdict;
    if (idle !== undefined) this.idle[i] = idle ?? NaN;
    if (used !== undefined) this.used[i] = used ?? NaN;
    if (seen !== undefined) this.seen[i] = seen ?? NaN;
    this.#judge(i, this.shown[i]);
  }

  /**
   * Adds one point to every sparkline. While nothing is heard the points are gaps.
   * @param {boolean} known
   */
  sample(known) {
    const from = this.head * this.size;
    if (known) this.history.set(this.lag, from);
    else this.history.fill(NaN, from, from + this.size);
    this.head = (this.head + 1) % HISTORY;
  }

  /** Fills the points that are blank with what was so before. @param {(age: number) => number | undefined} at `age` in points: 0 is the newest */
  fill(i, at) {
    for (let age = 0; age < HISTORY; age++) {
      const place = ((this.head - 1 - age + 2 * HISTORY) % HISTORY) * this.size + i;
      if (this.history[place] === BLANK) this.history[place] = at(age) ?? BLANK;
    }
  }

  /** The last points of a row, oldest first, into `out`. */
  points(i, out = new Float32Array(HISTORY)) {
    for (let k = 0; k < HISTORY; k++) out[k] = this.history[((this.head + k) % HISTORY) * this.size + i];
    return out;
  }

  /** Takes over the sparklines of the replicas that were already there. */
  inherit(old) {
    this.head = old.head;
    for (let i = 0; i < this.size; i++) {
      const j = old.find(this.projects[this.project[i]].name, this.name[i]);
      if (j < 0) continue;
      for (let k = 0; k < HISTORY; k++) this.history[k * this.size + i] = old.history[k * old.size + j];
    }
  }

  /** A copy whose figures stay as they are: what a frozen screen shows. */
  clone() {
    const copy = Object.assign(Object.create(Table.prototype), this);
    for (const [key, value] of Object.entries(this)) {
      if (ArrayBuffer.isView(value)) copy[key] = value.slice();
      else if (value instanceof Map && key !== 'index') copy[key] = new Map(value);
    }
    return copy;
  }
}
