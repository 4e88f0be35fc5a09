/**
 * One connection to the server: a snapshot, then the stream of what changes.
 *
 * It reconnects by itself with growing pauses, and takes 12 s without a word for a lost link,
 * because a dead network reports no error. It forwards messages as text and parses none of them,
 * so it costs little in the worker that eight tabs share. It knows nothing about tabs.
 */
import { SignedOut, liveUrl, snapshotText } from './api.js';

const SILENCE = 12_000;
const PAUSES = [500, 1000, 2000, 4000, 8000, 15_000];
const KINDS = ['hello', 'delta', 'log', 'stats', 'reload', 'ping'];

/**
 * @typedef {object} LinkState
 * @property {'connecting' | 'live' | 'lost' | 'signed-out'} state
 * @property {number} since our clock, ms
 * @property {number} attempt tries since the link was lost
 * @property {number} retryAt our clock, ms; 0 while trying
 */

export class Stream {
  /**
   * @param {string} base address of the page
   * @param {(kind: string, data: string, seq: number | null) => void} onMessage
   * @param {(state: LinkState) => void} onState
   */
  constructor(base, onMessage, onState) {
    Object.assign(this, { base, onMessage, onState });
    this.source = null;
    this.seq = null;
    this.heard = 0;
    this.timer = null;
    /** One request serves everybody who asked before it was sent. @type {Promise<string> | null} */
    this.fetching = null;
    /** @type {LinkState} */
    this.link = { state: 'connecting', since: Date.now(), attempt: 0, retryAt: 0 };
    this.watch = setInterval(() => this.#listen(), 2000);
  }

  /** A fresh snapshot; the first one also opens the stream where the snapshot ends. */
  async snapshot() {
    this.fetching ??= snapshotText(this.base).finally(() => (this.fetching = null));
    const text = await this.fetching;
    if (this.seq === null) this.seq = firstSeq(text);
    if (!this.source && this.timer === null) this.open();
    return text;
  }

  /** Opens (or reopens) the stream. */
  open() {
    this.#drop();
    const source = (this.source = new EventSource(liveUrl(this.base, this.seq)));
    this.heard = Date.now();
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => this.#receive(kind, event));
    }
    source.onerror = () => this.#lost();
  }

  /** Tries at once instead of waiting for the pause to end. */
  retry() {
    if (this.link.state === 'live') return;
    this.#attempt();
  }

  close() {
    clearInterval(this.watch);
    this.#drop();
  }

  #receive(kind, event) {
    this.heard = Date.now();
    const seq = event.lastEventId ? Number(event.lastEventId) : null;
    if (seq !== null) this.seq = seq;
    if (this.link.state !== 'live') this.#say({ state: 'live', since: this.heard, attempt: 0, retryAt: 0 });
    this.onMessage(kind, event.data, kind === 'ping' || kind === 'hello' ? null : seq);
  }

  /** Silence counts as a lost link even when the socket claims to be open. */
  #listen() {
    if (this.source && Date.now() - this.heard > SILENCE) this.#lost();
  }

  /** The link failed: says so and plans the next try. Also used when the first snapshot fails. */
  async failed(error) {
    if (error instanceof SignedOut) {
      this.#drop();
      this.#say({ state: 'signed-out', since: Date.now(), attempt: 0, retryAt: 0 });
    } else {
      this.#lost();
    }
  }

  #lost() {
    this.#drop();
    const { state, since, attempt } = this.link;
    const pause = PAUSES[Math.min(attempt, PAUSES.length - 1)] * (0.85 + Math.random() * 0.3);
    const now = Date.now();
    this.#say({ state: 'lost', since: state === 'lost' ? since : now, attempt: attempt + 1, retryAt: now + pause });
    this.timer = setTimeout(() => this.#attempt(), pause);
  }

  /** The stream's own error does not say why, so a small request finds out first (down, or signed out?). */
  async #attempt() {
    this.#drop();
    this.#say({ ...this.link, retryAt: 0 });
    try {
      if (this.seq === null) this.onMessage('reload', '{}', null);
      else await probe(this.base);
      if (this.seq !== null) this.open();
    } catch (error) {
      this.failed(error);
    }
  }

  #drop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.source?.close();
    this.source = null;
  }

  #say(link) {
    this.link = link;
    this.onState(link);
  }
}

/** The snapshot begins with its sequence number: no need to parse megabytes for it. */
export function firstSeq(text) {
  const found = /"seq"\s*:\s*(\d+)/.exec(text.slice(0, 200));
  return found ? Number(found[1]) : JSON.parse(text).seq;
}

async function probe(base) {
  const response = await fetch(new URL('api/snapshot', base), { method: 'HEAD', credentials: 'same-origin', cache: 'no-store' });
  if (response.status === 401) throw new SignedOut('signed out');
}
