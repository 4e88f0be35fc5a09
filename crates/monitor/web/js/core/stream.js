/**
 * One connection to the server: snapshots on request, and the stream of what changes.
 *
 * It reconnects by itself with growing pauses, and takes 12 s without a word for a lost link,
 * because a dead network reports no error. It forwards messages as text and parses none of them,
 * so it costs little in the worker that eight tabs share. It knows nothing about tabs.
 */
import { SignedOut, liveUrl, snapshotText } from './api.js';

const SILENCE = 12_000;
const PAUSES = [500, 1000, 2000, 4000, 8000, 15_000];
const KINDS = ['hello', 'delta', 'detail', 'log', 'stats', 'reload', 'ping'];

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
   * @param {(kind: string, text: string, seq: number | null) => void} onMessage
   * @param {(link: LinkState) => void} onState
   */
  constructor(base, onMessage, onState) {
    Object.assign(this, { base, onMessage, onState });
    /** @type {EventSource | null} */
    this.source = null;
    /** Newest sequence number heard; the stream resumes after it. @type {number | null} */
    this.seq = null;
    this.heard = 0;
    this.retryTimer = null;
    /** @type {Promise<string> | null} */
    this.fetching = null;
    /** @type {LinkState} */
    this.link = { state: 'connecting', since: Date.now(), attempt: 0, retryAt: 0 };
    this.watch = setInterval(() => this.#checkSilence(), 2000);
  }

  /**
   * A fresh snapshot as text. Everybody who asks while one is on its way gets the same. The first
   * one also opens the stream, where the snapshot ends. A failure shows as a lost link.
   * @returns {Promise<string | null>}
   */
  async snapshot() {
    this.fetching ??= snapshotText(this.base).finally(() => (this.fetching = null));
    try {
      const text = await this.fetching;
      this.seq ??= seqOf(text);
      if (!this.source) this.#open();
      return text;
    } catch (error) {
      if (error instanceof SignedOut) this.#signedOut();
      else this.#lost();
      return null;
    }
  }

  /** Tries at once instead of waiting for the pause to end. */
  retry() {
    if (this.link.state !== 'live') this.#attempt();
  }

  close() {
    clearInterval(this.watch);
    this.#drop();
  }

  #open() {
    this.#drop();
    const source = new EventSource(liveUrl(this.base, this.seq));
    this.source = source;
    this.heard = Date.now();
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#receive(kind, event));
    source.onerror = () => this.#lost();
  }

  #receive(kind, { data, lastEventId }) {
    this.heard = Date.now();
    // `lastEventId` sticks to messages without an id of their own: only numbered kinds carry a seq.
    const numbered = kind !== 'ping' && kind !== 'hello' && lastEventId !== '';
    if (numbered) this.seq = Number(lastEventId);
    if (this.link.state !== 'live') this.#say({ state: 'live', since: this.heard, attempt: 0, retryAt: 0 });
    this.onMessage(kind, data, numbered ? this.seq : null);
  }

  /** Silence counts as a lost link even when the socket claims to be open. */
  #checkSilence() {
    if (this.source && Date.now() - this.heard > SILENCE) this.#lost();
  }

  #signedOut() {
    this.#drop();
    this.#say({ state: 'signed-out', since: Date.now(), attempt: 0, retryAt: 0 });
  }

  #lost() {
    this.#drop();
    const { state, since, attempt } = this.link;
    const now = Date.now();
    // A little chance keeps many browsers from coming back in the same instant.
    const pause = PAUSES[Math.min(attempt, PAUSES.length - 1)] * (0.85 + Math.random() * 0.3);
    this.#say({ state: 'lost', since: state === 'lost' ? since : now, attempt: attempt + 1, retryAt: now + pause });
    this.retryTimer = setTimeout(() => this.#attempt(), pause);
  }

  /** A snapshot first: the stream's own error would not say whether the server is down or wants a token. */
  async #attempt() {
    this.#drop();
    this.#say({ ...this.link, retryAt: 0 });
    const text = await this.snapshot();
    if (text !== null) this.onMessage('snapshot', text, null);
  }

  #drop() {
    clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.source?.close();
    this.source = null;
  }

  #say(link) {
    this.link = link;
    this.onState(link);
  }
}

/** A snapshot begins with its sequence number: no need to parse megabytes for it. */
export function seqOf(text) {
  const found = /^\s*\{\s*"seq"\s*:\s*(\d+)/.exec(text);
  return found ? Number(found[1]) : JSON.parse(text).seq;
}
