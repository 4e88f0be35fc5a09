/**
 * What was: lags and states over minutes or days, of the replicas that somebody chose, with everything in the address.
 */
import { projectName, replicaName } from '../core/anon.js';
import { h, replace, setText, show } from '../core/dom.js';
import { dateTime } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { href } from '../core/router.js';
import { RANGES, csv, known, readSeries } from '../core/series.js';
import { VERDICT } from '../core/states.js';
import { card, emptyState, segmented, select } from '../ui/parts.js';
import { RangeChart } from '../ui/range-chart.js';
import { StateTimeline } from '../ui/state-timeline.js';

/** Lines that can be told apart in one chart. */
const MOST = 4;
/** Projects to choose from. */
const PROJECTS = 200;
/** While the range ends now, it is asked for again, ms. */
const AGAIN = 10_000;

class HistoryView {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router, alarms }) {
    Object.assign(this, { store, router, alarms });
    this.ticket = 0;
    this.ranges = segmented('Range', RANGES.map(([id, word]) => [id, word]), (range) => router.set({ range, from: null, to: null }));
    this.choice = select('Compare', (sel) => router.set({ sel: sel || null }));
    this.save = h('button', { class: 'btn sm', type: 'button', onclick: () => this.#save() }, 'Export CSV');
    this.whole = h('button', { class: 'btn sm', type: 'button', onclick: () => router.set({ from: null, to: null }) }, 'Whole range');
    this.legend = h('div', { class: 'row legend' });
    this.chart = new RangeChart((from, to) => router.set({ from: String(Math.round(from)), to: String(Math.round(to)) }));
    this.timeline = new StateTimeline();
    this.none = h('section', { class: 'card', hidden: true });
    this.when = h('span', { class: 'sm dim', role: 'status' });
    this.cards = h('div', { class: 'stack' }, card('h-lags', 'Replication lag', this.chart.el, this.legend), card('h-states', 'State timeline', this.timeline.el, h('span', { class: 'xs dim' }, 'height and colour both tell how bad; hatched is unknown')));
    this.el = h('div', { class: 'stack' }, h('div', { class: 'head' }, h('h1', null, 'History'), this.when, this.ranges.el, this.whole, this.choice.el, this.save), this.cards, this.none);
    this.timer = setInterval(() => this.#due() && this.#read(), AGAIN);
    this.leave = alarms.subscribe(() => this.shown === undefined && store.world.table && this.#read());
  }

  route({ params }) {
    const range = RANGES.find(([id]) => id === params.get('range')) ?? RANGES[1];
    this.span = range[2];
    this.ranges.set(range[0]);
    const [from, to] = ['from', 'to'].map((name) => Number(params.get(name)));
    this.zoomed = from > 0 && to > from ? { from, to } : null;
    show(this.whole, this.zoomed !== null);
    this.sel = params.get('sel') ?? '';
    this.chosen = null;
    if (this.store.world.table && !this.store.held) this.#read();
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { table }) {
    if (!table || !(changes.structure || this.chosen === null)) return;
    this.choice.set([['', `worst ${MOST} now`], ...table.projects.slice(0, PROJECTS).map(({ name }) => [encodeURIComponent(name), projectName(name)]), ...this.#single()], this.sel);
    this.#read();
  }

  /** A single replica that the address names is a choice too. */
  #single() {
    const [project, replica] = this.sel.split('/').map(decodeURIComponent);
    return replica === undefined ? [] : [[this.sel, `${projectName(project)} / ${replicaName(replica)}`]];
  }

  /** Whether what is shown ends now and may have grown. */
  #due() {
    return !this.zoomed && !this.store.frozen && !this.store.held && !document.hidden && this.store.linked;
  }

  /** The rows that are drawn: those that lag most for their limit, those of a project, or one. */
  #rows(table) {
    const has = (i) => table.verdict[i] !== VERDICT.not_applicable;
    const [project, replica] = this.sel.split('/').map(decodeURIComponent);
    if (replica !== undefined) return [table.find(project, replica)].filter((i) => i >= 0);
    const all = Array.from({ length: table.size }, (_, i) => i).filter(has);
    if (this.sel) return all.filter((i) => table.projects[table.project[i]].name === project).slice(0, MOST);
    // Unknown is worse than any figure.
    const share = (i) => (Number.isNaN(table.lag[i]) ? Infinity : table.lag[i] / table.tolerance[i]);
    return all.map((i) => [share(i), i]).sort(([one], [other]) => (one === other ? 0 : other - one)).slice(0, MOST).map(([, i]) => i);
  }

  async #read() {
    const { table } = this.store.world;
    const { me } = this.alarms;
    // Until the monitor said what it offers, nothing is asked that it would refuse.
    if (!me) return;
    if (!me.history) return this.#nothing('No history is kept', 'Start the monitor with --live, or name a file with --history.');
    const ticket = ++this.ticket;
    this.chosen ??= this.#rows(table).map((i) => ({ project: table.projects[table.project[i]].name, replica: table.name[i], tolerance: table.tolerance[i] }));
    if (this.chosen.length === 0) return this.#nothing('There is no replica with a lag to draw', 'A master is the source of its project. Choose a project that has slaves.');
    const { from, to } = this.zoomed ?? { from: this.store.serverNow() - this.span, to: this.store.serverNow() };
    try {
      const projects = [...new Set(this.chosen.map(({ project }) => project))];
      const replicas = (project) => this.chosen.filter((own) => own.project === project).map(({ replica }) => replica);
      const answers = await Promise.all(projects.map((project) => readSeries({ project, replicas: replicas(project), metrics: ['lag_ms', 'state'], from, to })));
      if (ticket === this.ticket && !this.closed) this.#arrived(new Map(projects.map((project, k) => [project, answers[k]])), from, to);
    } catch (error) {
      if (ticket === this.ticket && !this.closed) this.#nothing('There is no history to show', error.message);
    }
  }

  #arrived(answers, from, to) {
    const [{ ts, width }] = answers.values();
    const shown = this.chosen.flatMap((own, n) => {
      const answer = answers.get(own.project);
      const [lag, state] = ['lag_ms', 'state'].map((metric) => answer.of(own.replica, metric));
      const name = `${projectName(own.project)} / ${replicaName(own.replica)}`;
      // Buckets are counted from 1970, so the same question has the same ones in every project.
      return lag && state && answer.ts.length === ts.length ? [{ ...own, n, name, lag, state, limit: own.tolerance, address: href(['replicas', own.project, own.replica]) }] : [];
    });
    const looked = ({ lag }) => ts.some((_, k) => known(lag, k) !== null);
    if (!shown.some(looked)) return this.#nothing('Nothing is kept of this time', 'The monitor was not running then, did not know these replicas, or the time is older than what it keeps.');
    this.shown = { ts, lines: shown };
    show(this.cards, true);
    show(this.none, false);
    this.save.disabled = false;
    this.chart.set({ ts, width, from, to, lines: shown });
    this.timeline.set({ ts, width, from, to, strips: shown });
    replace(this.legend, ...shown.map(({ name, address, n }) => h('a', { class: `sm key k${n}`, href: address }, name)));
    setText(this.when, `${dateTime(from, utc()).slice(0, 16)} to ${dateTime(to, utc()).slice(0, 16)}`);
  }

  #nothing(title, why) {
    this.shown = null;
    show(this.cards, false);
    show(this.none, true);
    this.save.disabled = true;
    setText(this.when, '');
    replace(this.none, emptyState('unk', title, h('p', { class: 'mid' }, why)));
  }

  #save() {
    const blob = new Blob([csv(this.shown.ts, this.shown.lines)], { type: 'text/csv' });
    const link = h('a', { href: URL.createObjectURL(blob), download: 'lag.csv' });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  close() {
    this.closed = true;
    this.leave();
    clearInterval(this.timer);
  }
}

export const create = (context) => new HistoryView(context);
