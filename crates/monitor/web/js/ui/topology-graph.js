/**
 * The topology as a picture: draws what graph.js has laid out and keeps it current.
 *
 * A big project is drawn by its worst slaves; the rest is one box that leads to the list. Everything
 * here is also in the tree, as text.
 */
import { projectName, replicaName, ruleName } from '../core/anon.js';
import { h, icon, replace, s, setAttr, setText } from '../core/dom.js';
import { lagWords, num, plural } from '../core/fmt.js';
import { href } from '../core/router.js';
import { STATES } from '../core/states.js';
import { badLink } from '../core/trouble.js';
import { worstWords } from './group-row.js';
import { NODE, layout } from './graph.js';
import { lagFacts } from './replica-row.js';

const MAX_SLAVES = 20;
const MAX_MASTERS = 8;
const MAX_TEXT = 24;
const cut = (text, most = MAX_TEXT) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Rules between the same two projects become one line. @returns {{ from: number, to: number, both: boolean, rules: any[] }[]} */
export function flowsOf(rules, numberOf) {
  const flows = new Map();
  for (const rule of rules) {
    const [from, to] = [numberOf(rule.source), numberOf(rule.target)];
    if (from < 0 || to < 0) continue;
    const key = `${from} ${to}`;
    const flow = flows.get(key) ?? { from, to, both: false, rules: [] };
    flow.both ||= rule.mode === 'bidirectional';
    flow.rules.push(rule);
    flows.set(key, flow);
  }
  return [...flows.values()];
}

/** Replication between projects, as servers tell of it: the same shape as flows of rules. */
export function linksBetween(table) {
  const links = [];
  for (const [row, observed] of table.observed) {
    for (const { upstreamReplica: from } of observed.links ?? []) {
      if (!from || from.project === table.projects[table.project[row]].name) continue;
      const source = table.find(from.project, from.replica);
      if (source >= 0) links.push({ from: table.project[source], to: table.project[row], both: false, rules: [], row });
    }
  }
  return links;
}

/** The rows of its own project that feed a row, as its server tells; undefined when nobody knows. */
function feedersOf(table, row) {
  const { name } = table.projects[table.project[row]];
  const observed = table.observed.get(row);
  if (observed?.role === 'master' && observed.links.length === 0) return [];
  const links = observed?.links?.filter((link) => link.upstreamReplica);
  if (!links?.length) return undefined;
  return links.filter((link) => link.upstreamReplica.project === name).map((link) => table.find(name, link.upstreamReplica.replica)).filter((from) => from >= 0);
}

/** @returns {import('./graph.js').Cluster} the worst slaves of a project, in declared order */
function cluster(table, id, whole) {
  const { first, count } = table.projects[id];
  const masters = [];
  const slaves = [];
  for (let i = first; i < first + count; i++) (table.master[i] ? masters : slaves).push(i);
  if (!whole) return { id, masters: [], slaves: [], more: 0, stub: true };
  const worst = slaves.slice().sort((a, b) => table.shown[a] - table.shown[b] || a - b).slice(0, MAX_SLAVES).sort((a, b) => a - b);
  const feeds = new Map(worst.map((row) => [row, feedersOf(table, row)]).filter(([, from]) => from));
  return { id, masters: masters.slice(0, MAX_MASTERS), slaves: worst, more: slaves.length - worst.length, stub: false, feeds };
}

export class TopologyGraph {
  constructor() {
    this.el = h('div', { class: 'body scroll', tabindex: '0', role: 'region', 'aria-label': 'Replication topology' });
    this.nodes = new Map();
  }

  /**
   * @param {import('../core/table.js').Table} table
   * @param {{ shown: number[], flows: any[] }} what project numbers drawn whole; others that flows touch become stubs
   */
  build(table, { shown, flows }, now) {
    const touched = flows.filter((flow) => shown.includes(flow.from) || shown.includes(flow.to));
    const ids = [...new Set([...shown, ...touched.flatMap((flow) => [flow.from, flow.to])])];
    const clusters = ids.map((id) => cluster(table, id, shown.includes(id)));
    const plan = layout(clusters, touched);
    this.table = table;
    this.nodes.clear();
    const parts = [plan.flows.map((flow) => this.#flow(flow))];
    clusters.forEach((own, k) => parts.push(this.#cluster(table, own, plan.boxes.get(own.id), plan.nodes[k])));
    replace(this.el, s('svg', { class: 'topo', width: plan.width, height: plan.height, viewBox: `0 0 ${plan.width} ${plan.height}`, role: 'group', 'aria-label': 'Replication topology' }, parts.flat(3)));
    this.update(table, null, now);
  }

  #flow({ d, label, both, rules, row }) {
    if (row !== undefined) return this.#link(d, label, row);
    const names = rules.length === 1 ? `rule ${cut(ruleName(rules[0].name), 18)}` : plural(rules.length, 'rule');
    const address = rules.length === 1 ? href(['rules', rules[0].name]) : href(['rules']);
    return s('g', null, s('path', { class: 'edge e-rule', d, 'marker-end': 'url(#arr)', 'marker-start': both ? 'url(#arr)' : null }), s('a', { href: address }, labelBox(label, names)));
  }

  /** A stream from another project into a replica of this one. */
  #link(d, label, row) {
    const { table } = this;
    const name = replicaName(table.name[row]);
    return s('g', null, s('path', { class: 'edge e-up', d, 'marker-end': 'url(#arr)' }), s('a', { href: href(['replicas', table.projects[table.project[row]].name, table.name[row]]) }, labelBox(label, `feeds ${cut(name, 16)}`)));
  }

  #cluster(table, own, box, places) {
    const { name } = table.projects[own.id];
    const out = [s('rect', { class: 'cl', x: box.x, y: box.y, width: box.width, height: box.height, rx: 12 }),
      s('text', { x: box.x + 14, y: box.y + 22 }, cut(projectName(name), own.slaves.length ? 60 : MAX_TEXT))];
    if (own.stub) {
      const [text] = worstWords(table, own.id);
      return [...out, box_(places.masters[0], href(['topology'], { project: name }), plural(table.projects[own.id].count, 'replica'), text)];
    }
    own.slaves.forEach((row, k) => out.push(this.#edges(row, places.edges[k])));
    if (own.masters.length === 0) out.push(s('text', { class: 's', x: places.masters[0].x + 8, y: places.masters[0].y + 30 }, 'no master is declared'));
    own.masters.forEach((row, k) => out.push(this.#node(table, row, places.masters[k])));
    own.slaves.forEach((row, k) => out.push(this.#node(table, row, places.slaves[k])));
    if (own.more > 0) out.push(box_(places.slaves.at(-1), href(['replicas'], { project: name }), `and ${num(own.more)} more`, 'open the list'));
    return out;
  }

  /** One line for each stream into a replica; the lag stands on one of them. */
  #edges(row, edges) {
    const paths = edges.map(({ d }) => s('path', { d, 'marker-end': 'url(#arr)' }));
    const place = edges.find(({ label }) => label)?.label;
    const box = place && labelBox(place, '');
    this.nodes.set(row, { paths, label: box?.lastChild });
    return s('g', null, paths, box);
  }

  #node(table, row, place) {
    const { name } = table.projects[table.project[row]];
    const picture = icon('unk');
    for (const [key, value] of Object.entries({ x: place.x + 12, y: place.y + 16, width: 18, height: 18, fill: 'currentColor' })) setAttr(picture, key, value);
    const second = s('text', { class: 's', x: place.x + 40, y: place.y + 38 });
    const title = s('title');
    this.nodes.set(row, { ...this.nodes.get(row), picture, second, title });
    return s('a', { href: href(['replicas', name, table.name[row]]) }, title, s('rect', { class: 'n', x: place.x, y: place.y, width: NODE.width, height: NODE.height, rx: 8 }),
      picture, s('text', { x: place.x + 40, y: place.y + 21 }, cut(replicaName(table.name[row]) || '(no name)', 22)), second);
  }

  /** Draws the changed rows again; all of them when `rows` is null. */
  update(table, rows, now) {
    for (const [row, node] of this.nodes) {
      if (rows && !rows.has(row)) continue;
      const state = STATES[table.shown[row]];
      setAttr(node.picture, 'class', `i ${state.text}`);
      setAttr(node.picture.firstChild, 'href', `#i-${state.open}`);
      setText(node.second, `${state.word} · ${table.master[row] ? 'master · ' : ''}${table.dialect[row]}`);
      const lag = lagWords(lagFacts(table, row, now)).replace('— ', '');
      setText(node.title, `${replicaName(table.name[row])}: ${state.word}${table.master[row] ? ', master' : `, lag ${lag}`}`);
      if (!node.paths) continue;
      // A link that does not run is drawn as one that lags, however well its replica answers.
      const look = state.id === 'up' && badLink(table.observed.get(row)) ? 'lagging' : state.id;
      for (const path of node.paths) setAttr(path, 'class', `edge e-${look}`);
      if (node.label) setText(node.label, lag);
    }
  }
}

function labelBox({ x, y }, text) {
  const width = Math.max(66, text.length * 6.6 + 12);
  return s('g', null, s('rect', { class: 'lb', x: x - width / 2, y: y - 10, width, height: 20, rx: 4 }), s('text', { class: 'lab', x, y: y + 4, 'text-anchor': 'middle' }, text));
}

/** A box that stands for several replicas. */
function box_({ x, y }, address, first, second) {
  return s('a', { href: address }, s('rect', { class: 'n', x, y, width: NODE.width, height: NODE.height, rx: 8, 'stroke-dasharray': '4 3' }),
    s('text', { x: x + 14, y: y + 21 }, first), s('text', { class: 's', x: x + 14, y: y + 38 }, second));
}
