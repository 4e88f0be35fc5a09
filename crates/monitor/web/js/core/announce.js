/**
 * Tells screen readers what matters, seldom: one polite summary in ten seconds at most.
 *
 * The log itself is silent (`aria-live=off`): a stream of fifty events a second read aloud helps
 * nobody. Urgent words are for a lost link and for replicas that went down.
 */
import { setText } from './dom.js';

const GAP = 10_000;

export class Announcer {
  /** @param {HTMLElement} polite @param {HTMLElement} urgent two empty live regions of index.html */
  constructor(polite, urgent) {
    Object.assign(this, { polite, urgent });
    this.next = '';
    this.timer = null;
    this.last = -Infinity;
  }

  /** The newest summary wins over one that still waits. */
  say(text) {
    this.next = text;
    this.timer ??= setTimeout(() => this.#speak(), Math.max(0, this.last + GAP - performance.now()));
  }

  alert(text) {
    setText(this.urgent, text);
  }

  #speak() {
    this.timer = null;
    this.last = performance.now();
    setText(this.polite, this.next);
  }
}
