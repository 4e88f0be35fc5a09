/**
 * One replica: how far behind, why, and what happened to it.
 */
import { freeText, projectName, replicaName } from '../core/anon.js';
import { replicaInfo } from '../core/api.js';
import { h, icon, replace, setText, show } from '../core/dom.js';
import { ago, dateTime, lagWords, num, percent, setting } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { href } from '../core/router.js';
import { VERDICT } from '../core/states.js';
import { sampleEvery } from '../core/store.js';
import { why } from '../ui/attention.js';
import { EventList, missing, trail } from '../ui/detail.js';
import { LagChart } from '../ui/lag-chart.js';
import { Observed } from '../ui/observed.js';
import { card, facts, lagNote, segmented, stateBadge, tile } from '../ui/parts.js';
import { lagFacts } from '../ui/replica-row.js';

const VERDICT_WORDS = ['measured', 'at least this much', 'at most this much', 'unknown', 'a master is the source: it has no lag'];

/** What the chart can show: what comes in now, or a range of what is kept. */
const CHARTS = [['', 'live'], ['1h', '1 h'], ['24h', '24 h'], ['7d', '7 d']];

class ReplicaDetail {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router }) {
    Object.assign(this, { store, router });
    this.el = h('div', { class: 'stack' });
  }

  route({ path, params }) {
    const [, project, name] = path;
    this.range = CHARTS.some(([id]) => id === params.get('range')) ? (params.get('range') ?? '') : '';
    // Another range is the same screen, and the reader's place in it stays.
    if (project !== this.project || name !== this.name) {
      [this.project, this.name] = [project, name];
      this.#build();
    }
    this.ranges.set(this.range);
    this.kept?.close();
    this.kept = null;
    this.table = null;
  }

  #build() {
    const { project, name } = this;
    const ofProject = href(['replicas'], { project });
    this.found = null;
    this.badge = stateBadge();
    this.star = icon('star', 't-acc');
    this.why = h('p', { class: 'mid' });
    this.tiles = { lag: tile(null, 'mid', 'Lag now'), pool: tile(null, 'mid', 'Pool'), seen: tile(null, 'mid', 'Seen'), role: tile(null, 'mid', 'Role') };
    this.chart = new LagChart();
    this.noChart = h('p', { class: 'body mid' });
    this.keptChart = h('div');
    this.ranges = segmented('Range of the chart', CHARTS, (range) => this.router.set({ range: range || null }));
    this.facts = h('div', { class: 'body' });
    this.observed = new Observed();
    this.asked = -Infinity;
    this.events = new EventList((event) => event.project === project && event.replica === name);
    this.content = h('div', { class: 'stack' },
      trail([['Replicas', href(['replicas'])], [projectName(project), ofProject], [replicaName(name), null]]),
      h('div', { class: 'head' }, h('h1', { class: 'row name' }, h('span', null, replicaName(name) || '(no name)'), this.badge.el)),
      this.why,
      h('div', { class: 'tiles' }, Object.values(this.tiles).map((own) => own.el)),
      h('div', { class: 'grid2' }, card('h-lag', 'Lag', h('div', null, this.chart.el, this.noChart, this.keptChart), this.ranges.el), card('h-facts', 'Facts', this.facts)),
      this.observed.el,
      card('h-events', 'Events of this replica', this.events.el));
    this.gone = missing('No such replica', ['“', h('span', null, replicaName(name)), '” is not declared in project “', h('span', null, projectName(project)), '”. It may have been removed or renamed.'], h('a', { class: 'btn primary', href: href(['replicas']) }, 'All replicas'));
    replace(this.el);
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { table, log, meta }) {
    if (!table) return;
    const i = table.find(this.project, this.name);
    const found = i >= 0;
    if (this.found !== found) {
      this.found = found;
      replace(this.el, found ? this.content : this.gone);
    }
    if (!found) return;
    const other = this.table !== table;
    this.table = table;
    const now = this.store.serverNow();
    if (changes.structure || changes.rows.has(i)) this.#facts(table, i, now);
    if (changes.structure || changes.rows.has(i) || changes.tick) this.#figures(table, i, now, meta);
    if (changes.structure || changes.sample || other) this.#drawChart(table, i, meta);
    if (changes.structure || changes.log) this.events.update(log, changes.structure);
    if (this.store.past) this.#then(table, i, now);
    else this.#ask(meta, changes.structure);
  }

  /** The evidence changes with every look and is told to nobody who does not ask. */
  async #ask(meta, again) {
    if (!meta.source?.live) return this.observed.update(null, 0);
    const since = performance.now() - this.asked;
    if (!again && since < (meta.pollMs ?? 2000) * 0.9) return;
    this.asked = performance.now();
    const { project, name } = this;
    const info = await replicaInfo(document.baseURI, project, name);
    // The reader may have gone on meanwhile, or stopped the screen.
    if (info && !this.closed && project === this.project && name === this.name && !this.store.frozen) this.observed.update(info, this.store.serverNow());
  }

  /** What its server said then, as far as that is kept. */
  #then(table, i, now) {
    const observed = table.observed.get(i);
    this.observed.update(observed ? { lastPing: table.seen[i], observed: { ...observed, evidence: [] } } : null, now);
  }

  close() {
    this.closed = true;
    this.kept?.close();
  }

  #figures(table, i, now, meta) {
    const lag = lagFacts(table, i, now);
    const text = lagWords(lag);
    this.badge.set(table.shown[i]);
    setText(this.why, why(table, i, now));
    show(this.why, this.why.textContent !== '');
    const note = text.startsWith('—') ? freeText(table.reason.get(i) ?? '') : lagNote(lag).replace(/^[ ,·]+/, '') || `limit ${setting(lag.tolerance)}`;
    setText(this.tiles.lag.el.firstChild, this.store.past ? 'Lag then' : 'Lag now');
    this.tiles.lag.set(text, note);
    const used = table.used[i];
    const max = table.poolMax[i];
    this.tiles.pool.set(Number.isNaN(used) ? '— unknown' : max > 0 ? `${num(used)} / ${num(max)}` : num(used), Number.isNaN(used) ? 'nothing reports it' : [max > 0 && `${percent(used, max)} in use`, !Number.isNaN(table.idle[i]) && `${num(table.idle[i])} idle`].filter(Boolean).join(', '));
    this.tiles.seen.set(ago(table.seen[i], now).replace(' ago', ''), Number.isNaN(table.seen[i]) ? 'it has never answered' : `ago, asked every ${setting(meta.pollMs ?? 2000)}`);
    const master = table.master[i] === 1;
    this.tiles.role.set(master ? 'master' : 'slave', master ? 'the source of its project' : this.#masterWords(table, i));
  }

  #masterWords(table, i) {
    const found = mastersOf(table, i);
    return found.length ? `of ${found.map((j) => replicaName(table.name[j])).join(', ')}`.slice(0, 80) : 'no master is declared';
  }

  #drawChart(table, i, meta) {
    const measures = meta.capabilities?.measuresLag !== false;
    const applies = table.verdict[i] !== VERDICT.not_applicable;
    const drawn = measures && applies;
    // Of the past there is no live chart.
    const kept = applies && (this.range || (this.store.past && '1h'));
    show(this.chart.el, drawn && !kept);
    show(this.keptChart, Boolean(kept));
    show(this.ranges.el, applies);
    show(this.noChart, !drawn && !kept);
    if (kept) return this.#drawKept(table, i, kept);
    setText(this.noChart, applies ? 'Not connected, so there is nothing to draw: start with --live to ask the databases.' : 'A master is the source of its project: there is no lag to draw.');
    if (drawn) this.chart.update(table, i, sampleEvery(meta));
  }

  /** What the monitor kept; its file is loaded when somebody wants it. */
  async #drawKept(table, i, range) {
    this.loading ??= import('../ui/kept-lag.js');
    const { KeptLag } = await this.loading.catch(() => ({}));
    if (this.closed || !KeptLag) return;
    if (!this.kept) {
      this.kept = new KeptLag(this.store, { project: this.project, replica: this.name, range, tolerance: table.tolerance[i] });
      replace(this.keptChart, this.kept.el);
    }
    this.kept.update();
  }

  #facts(table, i, now) {
    const span = table.projects[table.project[i]];
    const masters = mastersOf(table, i).slice(0, 5);
    const links = masters.flatMap((j, k) => [k > 0 && ', ', h('a', { href: href(['replicas', span.name, table.name[j]]) }, replicaName(table.name[j]))]).filter(Boolean);
    const asOf = table.asOf.get(i);
    const reason = table.reason.get(i);
    replace(this.facts, facts([
      ['Project', h('a', { href: href(['replicas'], { project: span.name }) }, projectName(span.name))],
      ['Role', table.master[i] ? 'master' : h('span', null, 'slave', links.length ? ' of ' : '', links)],
      ['Dialect', table.dialect[i]],
      ['Reads', span.routing && `routed ${span.routing}`],
      ['Lag is', `${VERDICT_WORDS[table.verdict[i]]}${asOf ? `, as of ${dateTime(asOf, utc())}` : ''}`],
      ['Reason', reason && freeText(reason)],
      ['Lag limit', table.master[i] ? null : setting(table.tolerance[i])],
      ['Pool', poolWords(table, i)],
      ['Last seen', Number.isNaN(table.seen[i]) ? 'never' : dateTime(table.seen[i], utc())],
      ['Problem', table.problem.has(i) ? freeText(table.problem.get(i)) : null],
    ]));
  }
}

function poolWords(table, i) {
  const parts = [['at least', table.poolMin[i]], ['at most', table.poolMax[i]]].filter(([, size]) => !Number.isNaN(size));
  return parts.length ? `${parts.map(([word, size]) => `${word} ${num(size)}`).join(', ')} connections` : null;
}

/** The masters of a replica's project, without itself. */
function mastersOf(table, i) {
  const { first, count } = table.projects[table.project[i]];
  const found = [];
  for (let j = first; j < first + count; j++) if (table.master[j] && j !== i) found.push(j);
  return found;
}

export default { path: 'replicas', args: 2, title: 'Replica', name: ({ path }) => replicaName(path[2]).slice(0, 80), icon: 'db', key: null, place: null, filters: false, create: (context) => new ReplicaDetail(context) };
