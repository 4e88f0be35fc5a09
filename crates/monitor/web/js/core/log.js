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
    /** Sequence of the message that brought each event. @type {number[]} */
    this.seqs = [];
    /** Number of `events[0]`. */
    this.first = 0;
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

  /** Appends what the stream brings. A resumed stream may repeat itself: what is known is ignored. */
  add(events, seq) {
    const known = this.seqs.at(-1) ?? -1;
    for (const event of events) {
      const own = event.seq ?? seq;
      if (own !== null && own <= known) continue;
      this.events.push(event);
      this.seqs.push(own);
    }
    this.#trim();
  }

  /** Puts in what the server remembers and this page has not seen. */
  merge(history) {
    const have = new Set(this.seqs);
    const missed = history.filter((event) => !have.has(event.seq));
    if (missed.length === 0) return;
    const all = [...missed.map((event) => [event.seq, event]), ...this.events.map((event, i) => [this.seqs[i], event])];
    all.sort(([a], [b]) => a - b);
    this.events = all.map(([, event]) => event);
    this.seqs = all.map(([seq]) => seq);
    this.epoch++;
    this.#trim();
  }

  #trim() {
    const drop = this.events.length - KEEP;
    if (drop <= 0) return;
    const some = Math.max(drop, KEEP / 10);
    this.events.splice(0, some);
    this.seqs.splice(0, some);
    this.first += some;
  }

  clone() {
    return Object.assign(new Log(), this, { events: this.events.slice(), seqs: this.seqs.slice() });
  }
}
