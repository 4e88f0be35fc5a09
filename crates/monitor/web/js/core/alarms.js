/**
 * Who we are to this monitor, and what alerts there are: for the rail, and for the screen of alerts.
 *
 * The stream tells only that an alert began or ended, so the whole answer is asked for again then, but no more
 * often than every two seconds. What is pending is told by nobody: a screen that shows it asks by itself.
 */
import { alertsNow, myself } from './api.js';

/** Between two answers that nobody waits for, ms: there may be thousands of alerts. */
const PAUSE = 2000;

export class Alarms {
  /** @param {string} base address of the page */
  constructor(base) {
    this.base = base;
    /** `api/me`; null until it answered. */
    this.me = null;
    /** `api/alerts`; null until it answered. */
    this.shown = null;
    /** Whether the last try to ask failed: what is shown is old. */
    this.failed = false;
    /** Counts what was done: an answer that was asked for before is older. */
    this.done = 0;
    /** How far the log was looked through. */
    this.next = 0;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** How many fire; 0 is only said where somebody looked. */
  get firing() {
    return this.shown ? this.shown.alerts.filter(({ state }) => state === 'firing').length : null;
  }

  /** Whenever the link comes up: it may be another monitor that answers. */
  async start() {
    try {
      this.me = await myself(this.base);
    } catch {
      // The link's own state tells why nothing comes.
      return;
    }
    if (!this.me.alerts) this.shown = null;
    await this.refresh();
    this.#tell();
  }

  /** Asks now. Everybody who asks meanwhile waits for the same answer. */
  async refresh() {
    if (!this.me?.alerts) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.asking ??= this.#ask().finally(() => (this.asking = null));
    await this.asking;
  }

  async #ask() {
    const { done } = this;
    try {
      const shown = await alertsNow(this.base);
      if (done === this.done) this.shown = shown;
      this.failed = false;
    } catch {
      this.failed = true;
    }
    this.asked = performance.now();
    this.#tell();
  }

  /** Asks after something was done: an answer that is on its way already may not tell of it. */
  async again() {
    this.done++;
    await this.asking;
    await this.refresh();
  }

  /** Takes the answer to something that was done. */
  take(shown) {
    this.done++;
    this.shown = shown;
    this.#tell();
  }

  /** Looks whether the log tells of alerts. @param {import('./log.js').Log} log */
  heed(log) {
    let news = false;
    for (let n = Math.max(this.next, log.first); n < log.end && !news; n++) news = /^(alert\.|audit$)/.test(log.at(n).type);
    this.next = log.end;
    if (news) this.timer ??= setTimeout(() => this.refresh(), Math.max(0, (this.asked ?? -PAUSE) + PAUSE - performance.now()));
  }

  #tell() {
    for (const listener of this.listeners) listener();
  }
}
