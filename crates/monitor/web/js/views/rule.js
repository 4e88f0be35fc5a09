/**
 * One rule: what it moves, what its last run did per collection, and its events.
 */
import { freeText, projectName, ruleName } from '../core/anon.js';
import { h, icon, replace } from '../core/dom.js';
import { ago, dateTime, num, words } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { href } from '../core/router.js';
import { EventList, missing, trail } from '../ui/detail.js';
import { card, facts } from '../ui/parts.js';
import { RULE_STATES, arrow, behindWords, lastRun, ruleState, runFigures, runTook, tableVerified, verifiedWords } from '../ui/rule-state.js';

const COLUMNS = ['created', 'updated', 'deleted', 'skipped', 'errors'];

class RuleDetail {
  /** @param {import('./index.js').Context} context */
  constructor({ store }) {
    this.store = store;
    this.el = h('div', { class: 'stack' });
  }

  route({ path: [, name] }) {
    this.name = name;
    this.events = new EventList((event) => event.rule === name);
    this.head = h('div', { class: 'head' });
    this.facts = h('div', { class: 'body' });
    this.run = h('div', { class: 'body stack' });
    this.content = h('div', { class: 'stack' }, trail([['Rules', href(['rules'])], [ruleName(name), null]]), this.head,
      h('div', { class: 'grid2' }, card('h-run', 'Last run', this.run), card('h-facts', 'Facts', this.facts)), card('h-events', 'Events of this rule', this.events.el));
    this.gone = missing('No such rule', ['“', h('span', null, ruleName(name)), '” is not declared. It may have been removed or renamed.'], h('a', { class: 'btn primary', href: href(['rules']) }, 'All rules'));
    replace(this.el);
    this.found = null;
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { table, rules, log }) {
    if (!table) return;
    const rule = rules.find((own) => own.name === this.name);
    if (this.found !== Boolean(rule)) {
      this.found = Boolean(rule);
      replace(this.el, rule ? this.content : this.gone);
    }
    if (!rule) return;
    if (changes.rules || changes.structure || changes.tick) this.#draw(rule);
    if (changes.log || changes.structure) this.events.update(log, changes.structure);
  }

  #draw(rule) {
    const now = this.store.serverNow();
    const signature = JSON.stringify([rule, ago(lastRun(rule), now), verifiedWords(rule.lastStats?.verified, now), ruleName(rule.name), utc()]);
    if (signature === this.signature) return;
    this.signature = signature;
    const state = RULE_STATES[ruleState(rule)];
    replace(this.head, h('h1', { class: 'row name' }, h('span', null, ruleName(rule.name) || '(no name)'), h('span', { class: `badge ${state.badge}` }, icon(state.icon), state.word)));
    const project = (name) => h('a', { href: href(['replicas'], { project: name }) }, projectName(name));
    replace(this.facts, facts([
      ['Flow', h('span', null, project(rule.source), ` ${arrow(rule)} `, project(rule.target))],
      ['Mode', rule.mode],
      ['Schedule', rule.schedule && freeText(rule.schedule)],
      ['Collections', rule.collections?.length ? freeText(rule.collections.join(', ')) : 'every collection'],
      ['Conflicts', words(rule.conflictResolution ?? '—')],
      ['Now', rule.lastStats?.doing && freeText(rule.lastStats.doing)],
      ['Behind', behindWords(rule.lastStats).slice(1).join(' · ')],
      ['Verified', verifiedWords(rule.lastStats?.verified, now)],
      ['Enabled', rule.enabled === false ? 'no' : 'yes'],
      ['Problem', rule.problem && freeText(rule.problem)],
    ]));
    replace(this.run, this.#run(rule, now));
  }

  #run(rule, now) {
    const stats = rule.lastStats;
    if (!stats) return h('p', { class: 'mid' }, 'No run has been reported. That is not the same as a run that moved nothing.');
    const at = lastRun(rule);
    return [
      h('div', { class: 'tiles' }, runFigures(stats).map(({ text, long, bad }) => h('div', { class: 'tile' }, h('span', { class: `k ${bad ? 't-bad' : 'mid'}` }, long), h('span', { class: 'v' }, text)))),
      h('p', { class: 'sm dim' }, [Number.isNaN(at) ? 'time not told' : `${dateTime(at, utc())} (${ago(at, now)})`, runTook(stats) && `took ${runTook(stats)}`].filter(Boolean).join(' · ')),
      stats.lastError ? h('p', { class: 't-bad wrap' }, freeText(stats.lastError)) : null,
      perCollection(stats),
    ];
  }
}

/** @param {string} found see `tableVerified` */
function verifiedBadge(found) {
  if (!found) return null;
  const [tone, picture] = found === 'verified' ? ['st-up', 'up'] : ['st-lag', 'lag'];
  return h('span', { class: `badge ${tone}` }, icon(picture), found);
}

/** A figure that was not told is a dash, not a zero. */
function perCollection({ details = [], verified }) {
  const written = new Set(details.map((detail) => detail.collection));
  const others = [...new Set(verified?.tables.map((own) => own.table))].filter((table) => !written.has(table)).map((collection) => ({ collection }));
  const rows = [...details, ...others];
  if (!rows.length) return null;
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Per collection' }, h('table', { class: 'sm plain' },
    h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Collection'), COLUMNS.map((name) => h('th', { scope: 'col', class: 'num' }, name)))),
    h('tbody', null, rows.map((detail) => h('tr', null, h('th', { scope: 'row' }, freeText(String(detail.collection)), ' ', verifiedBadge(tableVerified(verified, detail.collection))), COLUMNS.map((name) => h('td', { class: `num${name === 'errors' && detail.errors > 0 ? ' t-bad' : ''}` }, num(detail[name]))))))));
}

export default { path: 'rules', args: 1, title: 'Rule', name: ({ path }) => ruleName(path[1]).slice(0, 80), icon: 'rule', key: null, place: null, filters: false, create: (context) => new RuleDetail(context) };
