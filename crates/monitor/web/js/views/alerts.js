/**
 * What is wrong: alerts that fire, are pending or were lately resolved; who takes care of them; who is told, and whether that works.
 *
 * It changes nothing without asking, and offers nothing that the monitor would refuse.
 */
import { freeText } from '../core/anon.js';
import { h, replace, setAttr, setText, show } from '../core/dom.js';
import { ago, num, plural } from '../core/fmt.js';
import { VList } from '../core/vlist.js';
import { askSilence } from '../ui/alert-dialogs.js';
import { drawChannels, drawConditions, drawSilences } from '../ui/alert-lists.js';
import { alertRow } from '../ui/alert-row.js';
import { aboutWords, coverWords } from '../ui/alert-words.js';
import { EventList } from '../ui/detail.js';
import { card, emptyState, segmented } from '../ui/parts.js';

const phone = matchMedia('(max-width: 760px)');
const STATES = [['', 'All'], ['firing', 'Firing'], ['pending', 'Pending'], ['resolved', 'Resolved']];
/** What is pending, and how channels fare, is told by no stream: it is asked for, while somebody looks, ms. */
const POLL = 5000;

class Alerts {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router, alarms }) {
    Object.assign(this, { store, router, alarms });
    this.shown = [];
    this.summary = h('span', { class: 'sm dim', role: 'status' });
    this.states = segmented('Show', STATES, (state) => router.set({ state: state || null }));
    this.words = [...this.states.el.children];
    this.add = h('button', { class: 'btn sm', type: 'button', onclick: () => askSilence({}, alarms) }, 'New silence…');
    this.why = h('p', { class: 'sm mid' });
    this.body = h('div', { class: 'bd', role: 'rowgroup' });
    this.list = new VList(this.body, {
      count: () => this.shown.length,
      height: () => (phone.matches ? 216 : 76),
      key: (at) => this.shown[at].id,
      render: (at, node) => this.#row(at, node),
    });
    const head = (word, cls) => h('span', { role: 'columnheader', class: cls }, word);
    this.table = h('div', { class: 'dt cols-alert', role: 'table', 'aria-label': 'Alerts' },
      h('div', { class: 'hd', role: 'rowgroup' }, h('div', { role: 'row', 'aria-rowindex': 1 }, head('State'), head('Alert'), head('On'), head('Since'), head('Who'), head('What to do'))), this.body);
    this.panel = h('section', { class: 'card' }, this.table);
    this.none = h('section', { class: 'card', hidden: true });
    this.silences = h('div', { class: 'body' });
    this.channels = h('div', { class: 'body' });
    this.conditions = h('div', { class: 'body' });
    this.now = h('div', { class: 'stack' }, this.why, this.panel, this.none,
      h('div', { class: 'grid2' }, card('h-silences', 'Silences and maintenance', this.silences, this.add), card('h-channels', 'Who is told', this.channels)),
      h('details', { class: 'card fold' }, h('summary', null, h('h2', null, 'What is looked for')), this.conditions));
    this.events = new EventList(({ type }) => type === 'alert.firing' || type === 'alert.resolved');
    this.then = h('div', { class: 'stack', hidden: true }, h('p', { class: 'mid' }, 'Alerts are not kept as they stood at a past second. Which began and ended before it is in the events:'), card('h-then', 'Alerts that began and ended until then', this.events.el));
    this.el = h('div', { class: 'stack' }, h('div', { class: 'head' }, h('h1', null, 'Alerts'), this.summary, this.states.el), this.now, this.then);
    this.relayout = () => this.list.layout();
    phone.addEventListener('change', this.relayout);
    this.leave = alarms.subscribe(() => store.frozen || this.#draw());
    this.timer = setInterval(() => store.frozen || document.hidden || !store.linked || alarms.refresh(), POLL);
    alarms.refresh();
  }

  route({ params }) {
    this.q = (params.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    this.state = STATES.some(([state]) => state === params.get('state')) ? params.get('state') : '';
    this.states.set(this.state);
    this.#draw();
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { log }) {
    const { past } = this.store;
    show(this.now, !past);
    show(this.then, past);
    show(this.states.el, !past);
    show(this.summary, !past);
    if (past) this.events.update(log, true);
    else if (changes.tick || changes.structure) this.#draw();
  }

  #draw() {
    const { me, shown } = this.alarms;
    if (this.store.past) return;
    if (!shown) return this.#nothing(me);
    const may = me.role === 'operator';
    const { linked, frozen } = this.store;
    const ready = linked && !frozen;
    this.context = { alarms: this.alarms, now: this.store.serverNow(), may, ready };
    show(this.states.el, true);
    show(this.add, may);
    this.add.disabled = !ready;
    const why = may ? (frozen ? 'The page is frozen: resume it first, to see what you do.' : '') : whyNot(me);
    setText(this.why, why);
    show(this.why, why !== '');
    this.#arrange(shown.alerts);
    this.#count(this.found);
    drawSilences(this.silences, shown.silences.filter((silence) => this.#matches([coverWords(silence), silence.why, silence.by])), this.context);
    drawChannels(this.channels, shown.channels, this.context.now);
    drawConditions(this.conditions, shown.conditions);
  }

  /** Which are shown; a second that only passes moves no row. @param {any[]} alerts */
  #arrange(alerts) {
    const signature = JSON.stringify([this.q, this.state, freeText('')]);
    if (alerts === this.alerts && signature === this.arranged) return this.list.refresh();
    this.alerts = alerts;
    this.arranged = signature;
    this.found = this.q.length ? alerts.filter((alert) => this.#matches([alert.condition, alert.summary, aboutWords(alert), alert.project, alert.replica, alert.rule])) : alerts;
    this.shown = this.found.filter(({ state }) => !this.state || state === this.state);
    setAttr(this.table, 'aria-rowcount', this.shown.length + 1);
    this.#faces(alerts.length);
    this.list.layout();
  }

  /** Before there is an answer, or where there will be none. */
  #nothing(me) {
    show(this.states.el, false);
    show(this.why, false);
    show(this.add, false);
    show(this.panel, false);
    show(this.none, true);
    this.alerts = null;
    for (const el of [this.silences, this.channels, this.conditions]) show(el.closest('.card'), false);
    const off = me && !me.alerts;
    const failed = this.alarms.failed;
    this.#face(off ? 'off' : failed ? 'failed' : 'wait', () => (off
      ? emptyState('bell', 'Alerts are off', h('p', { class: 'mid' }, 'This monitor was started with --alerts off: it looks for nothing and tells nobody. Start it without that, or with --alerts FILE to name whom to tell.'))
      : failed ? emptyState('warn', 'The alerts could not be read', h('p', { class: 'mid' }, 'The monitor did not answer. This page asks again every few seconds.')) : h('p', { class: 'body mid' }, 'Loading…')));
  }

  #matches(texts) {
    const hay = texts.join('\n').toLowerCase();
    return this.q.every((word) => hay.includes(word));
  }

  #count(found) {
    const of = (state) => found.filter((alert) => !state || alert.state === state).length;
    STATES.forEach(([state, word], k) => setText(this.words[k], `${word} ${num(of(state))}`));
    const silenced = found.filter(({ state, silence }) => state === 'firing' && silence).length;
    const old = this.alarms.failed ? ` · as of ${ago(this.alarms.shown.now, this.context.now)}: the monitor did not answer since` : '';
    setText(this.summary, `${num(of('firing'))} firing${silenced ? `, ${num(silenced)} of them silenced` : ''}${old}`);
  }

  #faces(all) {
    for (const el of [this.silences, this.channels, this.conditions]) show(el.closest('.card'), true);
    const some = this.shown.length > 0;
    show(this.panel, some);
    show(this.none, !some);
    if (some) return;
    const filtered = all > 0;
    this.#face(`none ${filtered} ${all}`, () => (filtered
      ? emptyState('find', 'No alert matches', h('p', { class: 'mid' }, `The filter leaves nothing of ${plural(all, 'alert')}.`), h('button', { class: 'btn primary', type: 'button', onclick: () => this.router.set({ q: null, state: null }) }, 'Clear the filter'))
      : emptyState('up', 'Nothing is wrong', h('p', { class: 'mid' }, this.store.live.meta?.source?.live ? 'No alert fires, is pending, or was resolved within the last hour.' : 'No alert fires. But nobody asks the databases: without --live only the tree file and this monitor itself are watched.'))));
  }

  #face(signature, make) {
    if (this.face === signature) return;
    this.face = signature;
    replace(this.none, make());
  }

  #row(at, node) {
    const el = alertRow(node, this.shown[at], this.context);
    setAttr(el, 'aria-rowindex', at + 2);
    return el;
  }

  close() {
    clearInterval(this.timer);
    this.leave();
    phone.removeEventListener('change', this.relayout);
    this.list.close();
  }
}

/** Why nothing can be done about alerts from here. */
function whyNot({ operators }) {
  const way = operators ? 'Open this page once with ?token=… of an operator.' : 'This monitor was started without an operator’s token (--operator-token-file FILE), so nobody can.';
  return `Acknowledging and silencing need the operator’s token. ${way}`;
}

/** @param {import('./index.js').Context} context */
export const create = (context) => new Alerts(context);
