/**
 * What the detail screens share: the trail on top, the events of one thing, "there is no such thing".
 */
import { h, replace } from '../core/dom.js';
import { dateTime } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { describe } from './events.js';
import { badge, emptyState } from './parts.js';

/** @param {[string, string | null][]} steps word and address; the last has none */
export function trail(steps) {
  return h('nav', { 'aria-label': 'Breadcrumb', class: 'sm trunc' }, steps.flatMap(([word, address], k) => [k > 0 && ' / ', address ? h('a', { href: address }, word) : h('span', null, word)]).filter(Boolean));
}

/** @param {string} title @param {import('../core/dom.js').Child[]} text @param {HTMLElement} way out */
export function missing(title, text, way) {
  return h('div', { class: 'stack' }, h('h1', { class: 'vh' }, title), h('section', { class: 'card' }, emptyState('find', title, h('p', { class: 'mid' }, text), way)));
}

const SHOWN = 20;

/** The newest events that `matches` picks. Scans the log only when it grew. */
export class EventList {
  /** @param {(event: any) => boolean} matches */
  constructor(matches) {
    this.matches = matches;
    this.el = h('div', { class: 'body' });
    this.end = -1;
  }

  /** @param {import('../core/log.js').Log} log @param {boolean} [force] */
  update(log, force = false) {
    if (log.end === this.end && !force) return;
    this.end = log.end;
    const rows = [];
    for (let n = log.end - 1; n >= log.first && rows.length < SHOWN; n--) {
      const event = log.at(n);
      if (!this.matches(event)) continue;
      const told = describe(event);
      rows.push(h('div', { class: 'li ev wide' }, h('span', { class: 'dim mono xs' }, dateTime(event.ts, utc())), badge(told.cls, told.icon, told.word), h('span', { class: 'sm clamp' }, told.text)));
    }
    replace(this.el, rows.length ? rows : h('p', { class: 'mid sm' }, 'Nothing since the monitor started, as far as its log reaches back.'));
  }
}
