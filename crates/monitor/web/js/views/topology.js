/**
 * Who feeds whom: replication inside projects and rules between them, as a graph or as a tree.
 *
 * A big topology is shown project by project. On phones there is only the tree: it holds the same facts.
 */
import { projectName } from '../core/anon.js';
import { h, replace, setText, show } from '../core/dom.js';
import { plural } from '../core/fmt.js';
import { STATES } from '../core/states.js';
import { firstSteps } from '../ui/first-steps.js';
import { segmented, select } from '../ui/parts.js';
import { TopologyGraph, flowsOf, linksBetween } from '../ui/topology-graph.js';
import { TopologyTree } from '../ui/topology-tree.js';

/** More than this is not a picture any more. */
const MAX_PROJECTS = 8;
const MAX_REPLICAS = 160;
const phone = matchMedia('(max-width: 760px)');

class Topology {
  /** @param {import('./index.js').Context} context */
  constructor({ store, router }) {
    this.store = store;
    const set = (name) => (value) => router.set({ [name]: value });
    this.mode = segmented('View', [['', 'Graph'], ['tree', 'Tree']], set('view'), 'hide-m');
    this.project = select('Project', set('project'));
    this.what = select('Show', set('show'));
    this.count = h('span', { class: 'sm dim' });
    this.graph = new TopologyGraph();
    this.tree = new TopologyTree(() => store.serverNow());
    this.panel = h('section', { class: 'card' });
    this.controls = h('div', { class: 'row' }, this.project.el, this.what.el, this.mode.el);
    this.legend = h('div', { class: 'legend hide-m' }, h('span', null, 'solid: up'), h('span', { class: 't-warn' }, 'dashed: lagging or connecting'), h('span', { class: 't-bad' }, 'dotted: down or unknown'), h('span', { class: 't-pause' }, 'long dash: rule'));
    this.empty = firstSteps();
    this.el = h('div', { class: 'stack' }, h('div', { class: 'head' }, h('h1', null, 'Topology'), this.count), this.controls, this.panel, this.legend, this.empty);
    this.relayout = () => this.table && this.#build();
    phone.addEventListener('change', this.relayout);
  }

  get list() {
    return this.asTree ? this.tree.list : null;
  }

  route({ params }) {
    this.wanted = params.get('project');
    this.onlyReplication = params.get('show') === 'replication';
    this.chosenTree = params.get('view') === 'tree';
    if (this.table) this.#build();
  }

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { table, rules }) {
    if (!table) return;
    const rebuild = changes.structure || this.table?.name !== table.name;
    this.table = table;
    this.rules = rules;
    if (rebuild) this.#build();
    else if (this.asTree) this.tree.update(table, changes.rows);
    else if (changes.rows.size) {
      // Who feeds whom may have changed with a row, and then the picture is another one.
      const feeds = feedsText(table);
      if (feeds !== this.feeds) this.#build();
      else this.graph.update(table, changes.rows, this.store.serverNow());
    }
  }

  #build() {
    const { table } = this;
    const none = table.size === 0;
    show(this.empty, none);
    for (const part of [this.controls, this.panel, this.legend]) show(part, !none);
    if (none) return;
    this.asTree = this.chosenTree || phone.matches;
    const small = table.projects.length <= MAX_PROJECTS && table.size <= MAX_REPLICAS;
    const everything = this.wanted === null && (small || this.asTree);
    const names = new Map(table.projects.map(({ name }, p) => [name, p]));
    const one = names.get(this.wanted) ?? (everything ? -1 : worstProject(table));
    const shown = one < 0 ? table.projects.map((_, p) => p) : [one];
    const rules = this.onlyReplication ? [] : flowsOf(this.rules, (name) => names.get(name) ?? -1);
    const flows = [...rules, ...linksBetween(table)];
    this.#controls(one, small || this.asTree);
    show(this.legend, !this.asTree);
    replace(this.panel, this.asTree ? this.tree.el : this.graph.el);
    if (this.asTree) this.tree.build(table, shown, flows);
    else this.graph.build(table, { shown, flows }, this.store.serverNow());
    this.feeds = feedsText(table);
  }

  #controls(one, mayShowAll) {
    const { projects } = this.table;
    this.project.set([...(mayShowAll ? [['', 'all projects']] : []), ...projects.map(({ name }) => [name, projectName(name)])], one < 0 ? '' : projects[one].name);
    this.what.set([['', 'replication and rules'], ['replication', 'replication only']], this.onlyReplication ? 'replication' : '');
    this.mode.set(this.asTree ? 'tree' : '');
    setText(this.count, mayShowAll ? plural(projects.length, 'project') : `one of ${plural(projects.length, 'project')}; the tree shows all`);
  }

  close() {
    phone.removeEventListener('change', this.relayout);
    this.tree.close();
  }
}

/** Names who feeds whom. */
function feedsText(table) {
  const parts = [];
  for (const [row, { links }] of table.observed) for (const { upstreamReplica: from } of links ?? []) if (from) parts.push(row, from.project, from.replica);
  return parts.join('\0');
}

/** The project with the worst replica: what an operator most likely came to see. */
function worstProject(table) {
  for (let k = 0; k < STATES.length; k++) {
    const p = table.projects.findIndex((_, own) => table.projectCounts[own * STATES.length + k] > 0);
    if (p >= 0) return p;
  }
  return 0;
}

/** @param {import('./index.js').Context} context */
export const create = (context) => new Topology(context);
