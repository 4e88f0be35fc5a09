/**
 * Is anything wrong, and what first: counts, what needs attention, every replica as a cell, the
 * latest changes. It shows nothing that another screen does not explain further.
 */
import { h, replace, setText, show } from '../core/dom.js';
import { clock, duration, num, plural, ago } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { href } from '../core/router.js';
import { DOWN, LAGGING, STATES, UNKNOWN, UP } from '../core/states.js';
import { Attention } from '../ui/attention.js';
import { describe, severity } from '../ui/events.js';
import { firstSteps } from '../ui/first-steps.js';
import { Heat } from '../ui/heat.js';
import { badge, card, tile } from '../ui/parts.js';

const RECENT = 7;
/** The 95th percentile needs a sort: not on every redraw. */
const P95_EVERY = 2000;

class Overview {
  /** @param {import('./index.js').Context} context */
  constructor({ store }) {
    this.store = store;
    this.tiles = STATES.map((state) => tile(state.open, state.text, state.word, href(['replicas'], { state: state.id })));
    this.summary = h('span', { class: 'sm dim' });
    this.attention = new Attention();
    this.heat = new Heat();
    this.recent = h('div', { class: 'body' });
    const all = (path, word) => h('a', { class: 'btn sm', href: href([path]) }, word);
    this.content = h('div', { class: 'stack' },
      h('div', { class: 'tiles' }, this.tiles.map((own) => own.el)),
      h('div', { class: 'grid2' },
        card('h-attention', 'Needs attention', this.attention.el, all('replicas', 'All replicas')),
        card('h-recent', 'Recent changes', this.recent, all('activity', 'Activity'))),
      card('h-heat', 'Every replica', this.heat.el, this.heatNote = h('span', { class: 'sm dim hide-m' })));
    this.empty = firstSteps();
    this.el = h('div', { class: 'stack' }, h('div', { class: 'head' }, h('h1', null, 'Overview'), this.summary), this.content, this.empty);
    this.p95 = { table: null, at: -Infinity, text: '' };
  }

  route() {}

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, world) {
    const { table, rules } = world;
    if (!table) return;
    const none = table.size === 0;
    show(this.content, !none);
    show(this.empty, none);
    if (changes.structure) setText(this.summary, `${plural(table.projects.length, 'project')} · ${plural(table.size, 'replica')} · ${plural(rules.length, 'rule')}`);
    if (none) return;
    const now = this.store.serverNow();
    this.#tiles(table, world.meta, now);
    this.attention.update(world, now, changes.structure);
    this.heat.update(table, changes);
    if (changes.structure) setText(this.heatNote, this.heat.note);
    if (changes.log || changes.structure) this.#recent(world.log);
  }

  #tiles(table, meta, now) {
    const { counts } = table;
    let worstLag = NaN;
    let oldest = NaN;
    for (let i = 0; i < table.size; i++) {
      if (table.shown[i] === LAGGING && !(table.lag[i] <= worstLag)) worstLag = table.lag[i];
      if (table.shown[i] === DOWN && !(table.seen[i] >= oldest)) oldest = table.seen[i];
    }
    const measures = meta.capabilities?.measuresLag !== false;
    const notes = {
      down: counts[DOWN] ? `of ${num(table.size)} · last seen ${ago(oldest, now)}` : 'as it should be',
      lagging: counts[LAGGING] ? `over their limit, worst ${duration(worstLag)}` : 'as it should be',
      unknown: counts[UNKNOWN] ? (measures ? 'no data is not “up”' : 'not measured') : 'everything is measured',
      connecting: 'first answer awaited',
      up: this.#p95(table),
    };
    STATES.forEach((state, shown) => this.tiles[shown].set(num(counts[shown]), notes[state.id]));
  }

  #p95(table) {
    const now = performance.now();
    if (table !== this.p95.table || now - this.p95.at > P95_EVERY) {
      const known = table.lag.filter((lag, i) => !table.master[i] && table.shown[i] === UP && !Number.isNaN(lag)).sort();
      this.p95 = { table, at: now, text: known.length ? `p95 lag ${duration(known[Math.floor((known.length - 1) * 0.95)])}` : 'answering' };
    }
    return table.counts[UP] ? this.p95.text : 'none measured';
  }

  #recent(log) {
    const rows = [];
    for (let n = log.end - 1; n >= log.first && rows.length < RECENT; n--) {
      const event = log.at(n);
      if (severity(event) === 'note') continue;
      const told = describe(event);
      rows.push(h('div', { class: 'li ev' }, h('span', { class: 'dim mono xs' }, clock(event.ts, utc())), badge(told.cls, told.icon, told.word), h('span', { class: 'sm clamp' }, told.text)));
    }
    replace(this.recent, rows.length ? rows : h('p', { class: 'mid sm' }, 'Nothing has changed since the monitor started.'));
  }
}

export default { path: 'overview', args: 0, title: 'Overview', icon: 'home', key: 'o', place: 'main', filters: false, create: (context) => new Overview(context) };
