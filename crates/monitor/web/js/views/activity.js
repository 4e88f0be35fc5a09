/**
 * What happened: the log, newest first.
 *
 * It follows only while the reader is at the top; otherwise it holds still and counts what is new.
 * It shows what this page and the server's short memory hold, and can save that as NDJSON.
 */
import { projectName } from '../core/anon.js';
import { download, h, icon, replace, setAttr, setText, show } from '../core/dom.js';
import { clock, dateTime, num, plural } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { VList } from '../core/vlist.js';
import { describe, severity } from '../ui/events.js';
import { openModal } from '../ui/modal.js';
import { badge, emptyState, segmented, select } from '../ui/parts.js';

const phone = matchMedia('(max-width: 760px)');
/** Scrolled further than this, the reader is reading. */
const TOP = 60;

class Activity {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router }) {
    Object.assign(this, { store, router });
    const set = (name) => (value) => router.set({ [name]: value });
    this.count = h('span', { class: 'sm dim', role: 'status' });
    this.severity = segmented('Severity', [['', 'All'], ['change', 'Changes'], ['error', 'Errors']], set('sev'));
    this.type = select('Type', set('type'));
    this.project = select('Project', set('project'));
    this.newer = h('button', { class: 'btn primary newer', type: 'button', hidden: true, onclick: () => this.#follow() });
    this.body = h('div', { class: 'bd' });
    this.list = new VList(this.body, {
      count: () => this.shown.length,
      height: () => (phone.matches ? 64 : 34),
      key: (at) => this.#number(at),
      render: (at, node) => this.#row(at, node),
    });
    this.panel = h('section', { class: 'card' }, h('div', { class: 'dt', role: 'log', 'aria-live': 'off', 'aria-label': 'Events, newest first', tabindex: '0' }, this.body));
    this.none = h('section', { class: 'card', hidden: true }, emptyState('act', 'No events', this.noneText = h('p', { class: 'mid' })));
    this.el = h('div', { class: 'stack' },
      h('div', { class: 'head' }, h('h1', null, 'Activity'), this.count),
      h('div', { class: 'row' }, this.severity.el, this.type.el, this.project.el, h('button', { class: 'btn sm', type: 'button', onclick: () => this.#save() }, 'Download NDJSON')),
      this.newer, this.panel, this.none);
    /** Numbers of the events that pass, oldest first. @type {number[]} */
    this.passed = [];
    /** How many of them are on screen: fewer while the reader reads. */
    this.shown = [];
    this.next = 0;
    this.epoch = -1;
    this.types = new Set();
    this.relayout = () => this.list.layout();
    phone.addEventListener('change', this.relayout);
  }

  route({ params }) {
    this.q = (params.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    this.sev = params.get('sev') ?? '';
    this.onlyType = params.get('type') ?? '';
    this.onlyProject = params.get('project');
    this.severity.set(this.sev);
    this.epoch = -1;
    if (this.log) this.#read(true);
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { log, table }) {
    const first = !this.log;
    this.log = log;
    if (table && changes.structure) this.projects = table.projects.map(({ name }) => [name, projectName(name)]);
    if (changes.log || changes.structure || first) this.#read(changes.structure || first);
  }

  /** Takes in what came since the last time; all of it when the filter or the numbering changed. */
  #read(again) {
    const { log } = this;
    if (again || log.epoch !== this.epoch) {
      this.epoch = log.epoch;
      this.passed = [];
      this.next = log.first;
    }
    for (let n = Math.max(this.next, log.first); n < log.end; n++) {
      const event = log.at(n);
      this.types.add(event.type);
      if (this.#passes(event)) this.passed.push(n);
    }
    this.next = log.end;
    const dropped = this.passed.findIndex((n) => n >= log.first);
    if (dropped > 0) this.passed.splice(0, dropped);
    this.#controls();
    if (again || scrollY <= TOP) this.#follow(again);
    else this.#hold();
  }

  #passes(event) {
    const level = severity(event);
    if (this.sev === 'error' && level !== 'error') return false;
    if (this.sev === 'change' && level === 'note') return false;
    if (this.onlyType && event.type !== this.onlyType) return false;
    if (this.onlyProject && event.project !== this.onlyProject) return false;
    if (this.q.length === 0) return true;
    const hay = JSON.stringify(event).toLowerCase();
    return this.q.every((word) => hay.includes(word));
  }

  /** Shows everything; the newest row is on top. */
  #follow(stay = false) {
    this.shown = this.passed.slice();
    if (!stay && scrollY > TOP) scrollTo(0, 0);
    show(this.newer, false);
    show(this.panel, this.shown.length > 0);
    show(this.none, this.shown.length === 0);
    setText(this.noneText, this.log.events.length ? `None of ${num(this.log.events.length)} events passes the filter.` : 'Nothing has happened since the monitor started.');
    this.list.layout();
  }

  /** Keeps the rows where they are and says how many wait above. */
  #hold() {
    const waiting = this.passed.length - this.passed.indexOf(this.shown.at(-1)) - 1;
    show(this.newer, waiting > 0);
    setText(this.newer, `${num(waiting)} new`);
  }

  #controls() {
    this.type.set([['', 'any'], ...[...this.types].sort().map((type) => [type, type])], this.onlyType);
    this.project.set([['', 'all'], ...(this.projects ?? [])], this.onlyProject ?? '');
    setText(this.count, `${plural(this.passed.length, 'event')} of ${num(this.log.events.length)} kept here`);
  }

  #number(at) {
    return this.shown[this.shown.length - 1 - at];
  }

  #row(at, node) {
    const number = this.#number(at);
    if (node && node.dataset.n === `${this.epoch}:${number}`) return node;
    const event = this.log.at(number);
    const row = node ?? h('div', { class: 'ar' });
    row.dataset.n = `${this.epoch}:${number}`;
    if (!event) {
      replace(row, h('span', { class: 'dim xs' }, 'no longer kept'));
      return row;
    }
    const told = describe(event);
    const text = h('span', { class: 'w trunc' }, told.text);
    replace(row, h('time', { class: 'dim mono xs' }, clock(event.ts, utc(), true)), badge(told.cls, told.icon, told.word), h('span', { class: 'mono xs mid trunc' }, event.type), text,
      h('button', { class: 'btn sm icon', type: 'button', 'aria-label': 'The whole event', onclick: () => openEvent(event) }, icon('more')));
    setAttr(text, 'title', text.textContent);
    return row;
  }

  /** What passes the filter, with real names: it is data, not a picture. */
  #save() {
    const lines = this.passed.map((n) => JSON.stringify(this.log.at(n)));
    download(`activity-${new Date(this.store.serverNow()).toISOString().replace(/[:.]/g, '-')}.ndjson`, 'application/x-ndjson', `${lines.join('\n')}\n`);
  }

  close() {
    phone.removeEventListener('change', this.relayout);
    this.list.close();
  }
}

function openEvent(event) {
  const told = describe(event);
  openModal(event.type,
    h('p', { class: 'row' }, badge(told.cls, told.icon, told.word), h('span', { class: 'dim' }, dateTime(event.ts, utc()))),
    h('p', { class: 'wrap' }, told.text),
    h('pre', { tabindex: '0', role: 'region', 'aria-label': 'As it came' }, JSON.stringify(event, null, 2)));
}

export default { path: 'activity', args: 0, title: 'Activity', icon: 'act', key: 'a', place: 'main', filters: true, create: (context) => new Activity(context) };
