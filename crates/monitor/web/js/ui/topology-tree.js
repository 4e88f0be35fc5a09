/**
 * The topology as text: project, master, its slaves, and the rules that leave the project.
 *
 * The same facts as the graph, in reading order, windowed, so that it works with thousands of
 * replicas, on phones and with screen readers.
 */
import { projectName, replicaName, ruleName } from '../core/anon.js';
import { h, setAttr, setClass, setText, show } from '../core/dom.js';
import { lagWords, plural } from '../core/fmt.js';
import { href } from '../core/router.js';
import { VList } from '../core/vlist.js';
import { stateBadge } from './parts.js';
import { lagFacts } from './replica-row.js';
import { arrow } from './rule-state.js';
import { worstWords } from './group-row.js';

const [PROJECT, REPLICA, RULE] = [0, 1, 2];
const drawn = new WeakMap();

export class TopologyTree {
  /** @param {() => number} now */
  constructor(now) {
    this.now = now;
    this.el = h('div', { role: 'list', 'aria-label': 'Replication topology as a tree' });
    this.lines = [];
    this.list = new VList(this.el, {
      count: () => this.lines.length,
      height: () => 36,
      key: (at) => this.lines[at].join(),
      render: (at, node) => this.#line(at, node),
    });
  }

  /** @param {number[]} shown project numbers @param {any[]} flows */
  build(table, shown, flows) {
    this.table = table;
    this.flows = flows;
    this.lines = [];
    for (const p of shown) {
      const { first, count } = table.projects[p];
      this.lines.push([PROJECT, p]);
      const rows = Array.from({ length: count }, (_, k) => first + k);
      const masters = rows.filter((i) => table.master[i]);
      for (const i of masters) this.lines.push([REPLICA, i, 2]);
      for (const i of rows) if (!table.master[i]) this.lines.push([REPLICA, i, masters.length ? 3 : 2]);
      flows.forEach((flow, f) => flow.from === p && flow.rules.forEach((_, r) => this.lines.push([RULE, f, r])));
    }
    this.list.layout();
  }

  update(table, rows) {
    this.table = table;
    this.list.refresh((at) => !rows || this.lines[at][0] !== REPLICA || rows.has(this.lines[at][1]));
  }

  #line(at, node) {
    const el = node ?? newLine();
    const [kind, number, third] = this.lines[at];
    setAttr(el, 'aria-posinset', at + 1);
    setAttr(el, 'aria-setsize', this.lines.length);
    const draw = [this.#project, this.#replica, this.#rule][kind];
    draw.call(this, el, drawn.get(el), number, third);
    return el;
  }

  #project(el, parts, p) {
    const { name, count, routing } = this.table.projects[p];
    setClass(el, 'tr tr-1');
    show(parts.badge.el, false);
    link(parts, href(['replicas'], { project: name }), projectName(name));
    setText(parts.note, [plural(count, 'replica'), worstWords(this.table, p)[0], routing && `reads ${routing}`].filter(Boolean).join(' · '));
  }

  #replica(el, parts, i, level) {
    const { table } = this;
    setClass(el, `tr tr-${level}`);
    show(parts.badge.el, true);
    parts.badge.set(table.shown[i]);
    link(parts, href(['replicas', table.projects[table.project[i]].name, table.name[i]]), replicaName(table.name[i]));
    const lag = lagWords(lagFacts(table, i, this.now()));
    setText(parts.note, [table.master[i] ? 'master' : 'slave', table.dialect[i], table.master[i] ? '' : lag.startsWith('—') ? 'lag unknown' : `lag ${lag}`, fedBy(table, i)].filter(Boolean).join(' · '));
  }

  #rule(el, parts, f, r) {
    const { rules, to } = this.flows[f];
    setClass(el, 'tr tr-2');
    show(parts.badge.el, false);
    link(parts, href(['rules', rules[r].name]), ruleName(rules[r].name));
    setText(parts.note, `rule ${arrow(rules[r])} \u2068${projectName(this.table.projects[to].name)}\u2069 · ${rules[r].mode ?? ''}`);
  }

  close() {
    this.list.close();
  }
}

/** Who feeds it, where its server tells and it is not simply the project's only master. */
function fedBy(table, i) {
  const from = table.observed.get(i)?.links?.map((own) => own.upstreamReplica).filter(Boolean) ?? [];
  return from.length ? `fed by ${from.map(({ replica }) => replicaName(replica)).join(', ')}` : '';
}

function link(parts, address, text) {
  setAttr(parts.link, 'href', address);
  setAttr(parts.link, 'title', text);
  setText(parts.link, text || '(no name)');
}

function newLine() {
  const badge = stateBadge();
  const anchor = h('a', { class: 'trunc' });
  const note = h('span', { class: 'xs dim trunc note' });
  const el = h('div', { role: 'listitem', class: 'tr' }, badge.el, anchor, note);
  drawn.set(el, { badge, link: anchor, note });
  return el;
}
