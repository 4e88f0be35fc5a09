/**
 * The activity log of this page: a bounded, numbered list of events.
 *
 * Each event gets a number that never changes, so that a list can hold its place while older
 * events are dropped. It keeps what it is told and judges nothing.
 */

/** Events kept; when full, a tenth goes at once so that dropping is rare. */
export const KEEP = 5000;

/** @typedef {{ type: string, ts: number, seq: number, [field: string]: any }} Event */

export class Log {
  constructor() {
    /** @type {Event[]} oldest first */
    this.events = [];
    /** Number of `events[0]`. */
    this.first = 0;
    /** Sequence of the newest event that was let go of: nothing older comes back. */
    this.dropped = -Infinity;
    /** Changes when numbers start over, because older events were put in between. */
    this.epoch = 0;
  }

  /** Number that the next event will get. */
  get end() {
    return this.first + this.events.length;
  }

  /** @returns {Event | undefined} undefined once dropped */
  at(number) {
    return this.events[number - this.first];
  }

  /**
   * Takes in what the stream or the server's memory brings, each event once: a resumed stream may
   * repeat itself, and a memory may hold what came between two events already here. A lag that moved
   * is no event for people: it would bury the others.
   * @param {Event[]} brought
   */
  add(brought) {
    const events = brought.filter(({ lagOnly }) => !lagOnly);
    const newest = this.events.at(-1)?.seq ?? this.dropped;
    this.events.push(...events.filter(({ seq }) => seq > newest));
    this.#insert(events.filter(({ seq }) => seq <= newest && seq > this.dropped));
    this.#trim();
  }

  /** Puts older events where they belong; then the numbers start over. */
  #insert(late) {
    if (late.length === 0) return;
    const have = new Set(this.events.map(({ seq }) => seq));
    const missed = late.filter(({ seq }) => !have.has(seq));
    if (missed.length === 0) return;
    this.events = [...missed, ...this.events].sort((a, b) => a.seq - b.seq);
    this.epoch++;
  }

  #trim() {
    const drop = this.events.length - KEEP;
    if (drop <= 0) return;
    const gone = this.events.splice(0, Math.max(drop, KEEP / 10));
    this.dropped = gone.at(-1).seq;
    this.first += gone.length;
  }

  clone() {
    return Object.assign(new Log(), this, { events: this.events.slice() });
  }
}
