/**
 * Every replica: filter, chips, groups, as rows or as cards.
 *
 * The list is windowed. Rows never move under the pointer or the focus, and are sorted again every
 * 5 s at most; figures inside the rows are always current.
 */
import { projectName } from '../core/anon.js';
import { ORDERS, filterRows, layLines, sortRows, statesIn } from '../core/arrange.js';
import { h, icon, setAttr, setText, show } from '../core/dom.js';
import { num, setting } from '../core/fmt.js';
import { STATES } from '../core/states.js';
import { sampleEvery } from '../core/store.js';
import { HISTORY } from '../core/table.js';
import { VList } from '../core/vlist.js';
import { copyButton, emptyState, segmented, select, stateChips } from '../ui/parts.js';
import { firstSteps } from '../ui/first-steps.js';
import { groupRow } from '../ui/group-row.js';
import { replicaCard, replicaRow } from '../ui/replica-row.js';
import { Folds } from '../ui/folds.js';

const RESORT = 5000;
const CARD_WIDTH = 290;
const phone = matchMedia('(max-width: 760px)');
const HEIGHT = { row: () => (phone.matches ? 92 : 52), group: () => (phone.matches ? 48 : 40), cards: () => 136 };

class Replicas {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router }) {
    Object.assign(this, { store, router });
    this.folds = new Folds(router);
    this.sortedAt = 0;
    this.disordered = false;
    this.pointerInside = false;
    this.#build();
    this.relayout = () => this.#arrange();
    phone.addEventListener('change', this.relayout);
    this.resize = () => this.cards && this.#arrange();
    addEventListener('resize', this.resize);
  }

  #build() {
    const set = (name) => (value) => this.router.set({ [name]: value });
    this.count = h('span', { class: 'sm dim', role: 'status' });
    this.chips = stateChips(STATES, (id) => this.#toggleState(id));
    this.project = select('Project', set('project'));
    this.group = select('Group', set('group'));
    this.sort = select('Sort', set('sort'));
    this.mode = segmented('Layout', [['', 'Rows'], ['cards', 'Cards']], set('view'));
    this.foldAll = h('button', { class: 'btn sm', type: 'button', onclick: () => this.folds.toggleAll() });
    this.body = h('div', { class: 'bd', role: 'rowgroup' });
    this.list = new VList(this.body, this.#rows());
    this.body.addEventListener('pointerenter', () => (this.pointerInside = true));
    this.body.addEventListener('pointerleave', () => (this.pointerInside = false));
    this.head = h('div', { class: 'hd', role: 'rowgroup' }, this.#headRow());
    this.table = h('div', { class: 'dt cols-rep', role: 'table', 'aria-label': 'Replicas' }, this.head, this.body);
    this.panel = h('section', { class: 'card' }, this.table);
    this.narrow = h('section', { class: 'card', hidden: true }, emptyState('find', 'No replica matches', this.narrowText = h('p', { class: 'mid' }),
      h('button', { class: 'btn primary', type: 'button', onclick: () => this.#widen() }, 'Clear the filter')));
    this.controls = h('div', { class: 'stack' }, this.chips.el,
      h('div', { class: 'row' }, this.project.el, this.group.el, this.sort.el, this.mode.el, this.foldAll, copyButton('Copy link to this view', () => location.href, 'hide-m')));
    this.foot = h('p', { class: 'foot' });
    this.el = h('div', { class: 'stack' },
      h('div', { class: 'head' }, h('h1', null, 'Replicas'), this.count), this.controls, this.panel, this.narrow, this.foot);
    this.empty = firstSteps('Replicas');
  }

  #headRow() {
    const order = (id, word) => {
      const cell = h('span', { role: 'columnheader' }, h('button', { type: 'button', onclick: () => this.router.set({ sort: id === 'worst' ? null : id }) }, word, icon('down2')));
      return [id, cell];
    };
    this.heads = new Map([order('worst', 'State'), order('name', 'Replica'), order('lag', 'Lag')]);
    const plain = (word, cls) => h('span', { role: 'columnheader', class: cls }, word);
    return h('div', { role: 'row', 'aria-rowindex': 1 }, this.heads.get('worst'), this.heads.get('name'), plain('Role', 'x1'), plain('Dialect', 'x1'), this.heads.get('lag'),
      this.span = plain('Recent', 'hide-m'), plain('Pool', 'hide-m'), plain('Seen', 'hide-m'));
  }

  /** What the windowed list asks for. */
  #rows() {
    const isGroup = (line) => this.lines.header(line) >= 0;
    return {
      count: () => this.lines?.size ?? 0,
      height: (line) => (isGroup(line) ? HEIGHT.group() : this.cards ? HEIGHT.cards() : HEIGHT.row()),
      kind: (line) => (isGroup(line) ? 'group' : this.cards ? 'cards' : 'row'),
      key: (line) => (isGroup(line) ? `p${this.lines.header(line)}` : this.lines.rows[this.lines.first(line)]),
      render: (line, node) => {
        const el = isGroup(line) ? this.#drawGroup(line, node) : this.cards ? this.#drawCards(line, node) : replicaRow(node, this.seenTable, this.lines.rows[this.lines.first(line)], this.store.serverNow());
        setAttr(el, 'aria-rowindex', line + 2);
        return el;
      },
    };
  }

  #drawGroup(line, node) {
    const number = this.lines.header(line);
    const { name } = this.seenTable.projects[number];
    return groupRow(node, this.seenTable, number, this.folds.closed(name), (project) => this.folds.toggle(project));
  }

  #drawCards(line, node) {
    const el = node ?? h('div', { role: 'row', class: 'cards' });
    const first = this.lines.first(line);
    const length = this.lines.length(line);
    el.style.setProperty('--n', this.perLine);
    while (el.childElementCount > length) el.lastElementChild.remove();
    for (let k = 0; k < length; k++) {
      const cell = el.children[k] ?? el.appendChild(h('div', { role: 'cell' }));
      const drawn = replicaCard(cell.firstElementChild, this.seenTable, this.lines.rows[first + k], this.store.serverNow());
      if (!cell.firstElementChild) cell.append(drawn);
    }
    return el;
  }

  /** @param {import('../core/router.js').Route} route */
  route({ params }) {
    this.q = params.get('q') ?? '';
    this.states = statesIn(params.get('state'));
    this.onlyProject = params.get('project');
    this.grouped = params.get('group') !== 'none';
    this.order = Object.hasOwn(ORDERS, params.get('sort') ?? '') ? params.get('sort') : 'worst';
    this.cards = params.get('view') === 'cards';
    this.folds.read(params);
    this.#controls();
    this.#arrange();
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, world) {
    const { table } = world;
    if (!table) return;
    const first = !this.seenTable;
    this.seenTable = table;
    if (changes.structure || first) {
      setText(this.span, `Last ${setting(HISTORY * sampleEvery(world.meta))}`);
      this.#controls();
      this.#arrange();
      return;
    }
    this.disordered ||= changes.rows.size > 0;
    if (this.disordered && performance.now() - this.sortedAt >= RESORT && !this.#occupied()) this.#arrange();
    else this.#refresh(changes);
    this.#counts();
  }

  /** Somebody points at a row or holds the focus in one. */
  #occupied() {
    return this.pointerInside || this.body.contains(document.activeElement);
  }

  #refresh({ rows, sample, tick }) {
    if (sample || tick || this.cards) this.list.refresh();
    else this.list.refresh((line) => this.lines.header(line) >= 0 || rows.has(this.lines.rows[this.lines.first(line)]));
  }

  #arrange() {
    const table = this.seenTable;
    if (!table) return;
    const rows = sortRows(table, filterRows(table, { q: this.q, states: this.states, project: this.onlyProject }), this.order);
    this.perLine = this.cards ? Math.max(1, Math.floor((this.body.clientWidth || 1100) / CARD_WIDTH)) : 1;
    this.lines = layLines(table, rows, { group: this.grouped, perLine: this.perLine, closed: (project) => this.folds.closed(project) });
    this.sortedAt = performance.now();
    this.disordered = false;
    setAttr(this.table, 'aria-rowcount', this.lines.size + 1);
    this.#states(rows.length);
    this.list.layout();
  }

  /** Which of the three faces: the list, "too narrow", or the first steps. */
  #states(found) {
    const none = this.seenTable.size === 0;
    show(this.panel, found > 0);
    show(this.narrow, found === 0 && !none);
    show(this.controls, !none);
    show(this.foot, found > 0);
    if (none && !this.empty.isConnected) this.el.append(this.empty);
    if (!none) this.empty.remove();
    if (found === 0) setText(this.narrowText, `The filter leaves nothing of ${num(this.seenTable.size)} replicas.`);
    setText(this.count, none ? '' : `${num(found)} shown of ${num(this.seenTable.size)}`);
    this.table.classList.toggle('as-cards', this.cards);
  }

  #counts() {
    const { seenTable: table, onlyProject } = this;
    const n = STATES.length;
    const at = onlyProject === null ? -1 : table.projects.findIndex((project) => project.name === onlyProject);
    this.chips.set(at < 0 ? table.counts : table.projectCounts.subarray(at * n, at * n + n), this.states);
  }

  #controls() {
    if (!this.seenTable) return;
    const projects = this.seenTable.projects.map(({ name }) => [name, projectName(name)]);
    this.project.set([['', 'all projects'], ...projects], this.onlyProject ?? '');
    this.group.set([['', 'by project'], ['none', 'none']], this.grouped ? '' : 'none');
    this.sort.set(Object.entries(ORDERS).map(([id, { word }]) => [id === 'worst' ? '' : id, word]), this.order === 'worst' ? '' : this.order);
    this.mode.set(this.cards ? 'cards' : '');
    show(this.foldAll, this.grouped && projects.length > 1);
    setText(this.foldAll, this.folds.all ? 'Expand all' : 'Collapse all');
    for (const [id, cell] of this.heads) setAttr(cell, 'aria-sort', id !== this.order ? 'none' : id === 'name' ? 'ascending' : 'descending');
    setText(this.foot, 'The bar is the share of the lag limit in use. Hatched means not known, which is never drawn as zero. Rows wait with moving while you point at them.');
    this.#counts();
  }

  #toggleState(id) {
    const next = this.states.includes(id) ? this.states.filter((own) => own !== id) : [...this.states, id];
    this.router.set({ state: next.join(',') || null });
  }

  #widen() {
    this.router.set({ q: null, state: null, project: null });
  }

  close() {
    phone.removeEventListener('change', this.relayout);
    removeEventListener('resize', this.resize);
    this.list.close();
  }
}

export default { path: 'replicas', args: 0, title: 'Replicas', icon: 'db', key: 'r', place: 'main', filters: true, create: (context) => new Replicas(context) };
