/**
 * The activity log of this page: a bounded, numbered list of events.
 *
 * Each event gets a number that never changes, so that a list can hold its place while older
 * events are dropped. It keeps what it is told and judges nothing.
 */

/** Events kept; when full, a tenth goes at once so that dropping is rare. */
export const KEEP = 5000;

/** @typedef {{ type: string, ts: number, seq?: number, [field: string]: any }} Event */

export class Log {
  constructor() {
    /** @type {Event[]} oldest first */
    this.events = [];
    /** Number of `events[0]`. */
    this.first = 0;
    this.seq = -1;
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
   * Appends events that are newer than what is held: the history and the stream may overlap.
   * @param {Event[]} events oldest first
   * @param {number} [seq] sequence of the whole message, for events that do not carry their own
   */
  add(events, seq) {
    const known = this.seq;
    let newest = seq ?? known;
    for (const event of events) {
      const own = event.seq ?? seq ?? Infinity;
      if (own <= known) continue;
      if (own !== Infinity && own > newest) newest = own;
      this.events.push(event);
    }
    this.seq = Math.max(known, newest);
    if (this.events.length > KEEP) {
      const drop = this.events.length - KEEP * 0.9;
      this.events.splice(0, drop);
      this.first += drop;
    }
  }

  clone() {
    const copy = new Log();
    return Object.assign(copy, this, { events: this.events.slice() });
  }
}
