/**
 * The rules that move data between projects, and what their last run did. It starts no run.
 */
import { freeText, projectName, ruleName } from '../core/anon.js';
import { h, icon, replace, setAttr, setClass, setIcon, setText, show } from '../core/dom.js';
import { ago, num, plural, words } from '../core/fmt.js';
import { href } from '../core/router.js';
import { VList } from '../core/vlist.js';
import { emptyState, stateChips } from '../ui/parts.js';
import { RULE_STATES, arrow, behindWords, lastRun, ruleState, runFigures, runTook } from '../ui/rule-state.js';

const phone = matchMedia('(max-width: 760px)');
const drawn = new WeakMap();

class Rules {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router }) {
    Object.assign(this, { store, router });
    this.shown = [];
    this.count = h('span', { class: 'sm dim', role: 'status' });
    this.chips = stateChips(RULE_STATES, (id) => this.#toggle(id));
    this.body = h('div', { class: 'bd', role: 'rowgroup' });
    this.list = new VList(this.body, {
      count: () => this.shown.length,
      height: () => (phone.matches ? 128 : 76),
      key: (at) => this.shown[at].name,
      render: (at, node) => this.#row(at, node),
    });
    const head = (word, cls) => h('span', { role: 'columnheader', class: cls }, word);
    this.table = h('div', { class: 'dt cols-rule', role: 'table', 'aria-label': 'Rules' },
      h('div', { class: 'hd', role: 'rowgroup' }, h('div', { role: 'row', 'aria-rowindex': 1 }, head('State'), head('Rule'), head('Source → target'), head('Mode', 'x1'), head('Last sync'), head('Conflict', 'x1'))),
      this.body);
    this.panel = h('section', { class: 'card' }, this.table);
    this.none = h('section', { class: 'card', hidden: true });
    this.el = h('div', { class: 'stack' }, h('div', { class: 'head' }, h('h1', null, 'Rules'), this.count), this.chips.el, this.panel, this.none);
    this.relayout = () => this.list.layout();
    phone.addEventListener('change', this.relayout);
  }

  route({ params }) {
    this.q = (params.get('q') ?? '').toLowerCase();
    this.states = (params.get('state') ?? '').split(',').filter(Boolean);
    if (this.rules) this.#arrange();
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { rules, table }) {
    if (!table) return;
    this.rules = rules;
    if (changes.rules || changes.structure) this.#arrange();
    else if (changes.tick) this.list.refresh();
  }

  #arrange() {
    const { rules } = this;
    const states = rules.map(ruleState);
    const counts = RULE_STATES.map((_, k) => states.filter((state) => state === k).length);
    this.chips.set(counts, this.states);
    this.shown = rules
      .map((rule, at) => ({ rule, state: states[at], name: rule.name, at }))
      .filter(({ rule, state }) => (this.states.length === 0 || this.states.includes(RULE_STATES[state].id)) && this.#matches(rule))
      .sort((a, b) => a.state - b.state || a.at - b.at);
    setAttr(this.table, 'aria-rowcount', this.shown.length + 1);
    setText(this.count, rules.length ? `${num(this.shown.length)} shown of ${num(rules.length)}` : '');
    this.#faces();
    this.list.layout();
  }

  #matches({ name, source, target, mode, collections }) {
    const hay = [name, source, target, mode, ...(collections ?? [])].join('\n').toLowerCase();
    return this.q.split(/\s+/).every((word) => hay.includes(word));
  }

  #faces() {
    const none = this.rules.length === 0;
    show(this.chips.el, !none);
    show(this.panel, this.shown.length > 0);
    show(this.none, this.shown.length === 0);
    if (this.shown.length > 0) return;
    replace(this.none, none
      ? emptyState('rule', 'No rules', h('p', { class: 'mid' }, 'The source declares no rule that moves data between projects.'))
      : emptyState('find', 'No rule matches', h('p', { class: 'mid' }, `The filter leaves nothing of ${plural(this.rules.length, 'rule')}.`),
        h('button', { class: 'btn primary', type: 'button', onclick: () => this.router.set({ q: null, state: null }) }, 'Clear the filter')));
  }

  #row(at, node) {
    const el = node ?? newRow();
    drawn.get(el)(this.shown[at], this.store.serverNow());
    setAttr(el, 'aria-rowindex', at + 2);
    return el;
  }

  #toggle(id) {
    const next = this.states.includes(id) ? this.states.filter((own) => own !== id) : [...this.states, id];
    this.router.set({ state: next.join(',') || null });
  }

  close() {
    phone.removeEventListener('change', this.relayout);
    this.list.close();
  }
}

function newRow() {
  const picture = icon('unk');
  const word = h('span');
  const state = h('span', { class: 'badge' }, picture, word);
  const name = h('b');
  const link = h('a', null, name);
  const collections = h('span', { class: 'xs dim sub trunc' });
  const [source, between, target] = [h('span'), h('span'), h('span')];
  const flow = h('span', { class: 'sub trunc' }, source, between, target);
  const trouble = h('span', { class: 'xs sub trunc' });
  const mode = h('span', { class: 'badge plain' });
  const figures = h('span', { class: 'sub trunc' });
  const when = h('span', { class: 'dim xs sub trunc' });
  const conflict = h('span', { class: 'xs dim' });
  const cell = (cls, ...content) => h('span', { role: 'cell', class: cls }, content);
  const el = h('div', { role: 'row' }, cell('', state), cell('trunc', link, collections), cell('sm w trunc', flow, trouble), cell('x1', mode), cell('sm w trunc', figures, when), cell('x1', conflict));
  drawn.set(el, ({ rule, state: shown }, now) => {
    const own = RULE_STATES[shown];
    setClass(state, `badge ${own.badge}`);
    setIcon(picture, own.icon);
    setText(word, own.word);
    setText(name, ruleName(rule.name) || '(no name)');
    setAttr(link, 'href', href(['rules', rule.name]));
    setAttr(link, 'title', ruleName(rule.name));
    setText(collections, rule.collections?.length ? freeText(rule.collections.join(', ')) : 'every collection');
    setText(source, projectName(rule.source));
    setText(between, ` ${arrow(rule)} `);
    setText(target, projectName(rule.target));
    setText(trouble, freeText(rule.problem ?? rule.lastStats?.lastError ?? ''));
    setClass(trouble, `xs sub trunc ${rule.problem ? 't-warn' : 't-bad'}`);
    setText(mode, rule.mode ?? '—');
    drawRun(figures, when, rule, now);
    setText(conflict, words(rule.conflictResolution ?? '—'));
  });
  return el;
}

function drawRun(figures, when, rule, now) {
  const parts = runFigures(rule.lastStats);
  const signature = JSON.stringify(parts);
  if (figures.signature !== signature) {
    figures.signature = signature;
    replace(figures, parts.length ? parts.flatMap(({ text, word, bad }, k) => [k > 0 && ' · ', h('span', { class: bad ? 't-bad' : '' }, text, h('span', { class: bad ? '' : 'dim' }, ` ${word}`))]) : h('span', { class: 'dim' }, '— not run yet, or not told'));
  }
  const took = runTook(rule.lastStats);
  setText(when, rule.lastStats ? [...behindWords(rule.lastStats), took, Number.isNaN(lastRun(rule)) ? '' : ago(lastRun(rule), now)].filter(Boolean).join(' · ') : '');
}

export default { path: 'rules', args: 0, title: 'Rules', icon: 'rule', key: 'u', place: 'main', filters: true, create: (context) => new Rules(context) };
