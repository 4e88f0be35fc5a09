/**
 * Every replica as one small cell; from some thousands on, every project as one bar.
 *
 * A cell is a single element: its shape is drawn by the style sheet. Arrow keys move between cells,
 * so the map is one stop for the Tab key.
 */
import { projectName, replicaName } from '../core/anon.js';
import { h, replace, s, setAttr, setClass, setText } from '../core/dom.js';
import { num, plural } from '../core/fmt.js';
import { href } from '../core/router.js';
import { STATES } from '../core/states.js';
import { worstWords } from './group-row.js';

/** More cells than this cost more than they tell. */
const MAX_CELLS = 2000;
const MAX_BARS = 150;

export class Heat {
  constructor() {
    this.el = h('div', { class: 'body stack', onkeydown: (event) => this.#move(event) });
    this.note = '';
  }

  /** @param {import('../core/table.js').Table} table @param {import('../core/store.js').Changes} changes */
  update(table, changes) {
    if (changes.structure || table.name !== this.drawn) {
      this.drawn = table.name;
      if (table.size <= MAX_CELLS) this.#cells(table);
      else this.#bars(table);
    } else if (this.bars) {
      if (changes.rows.size) for (const bar of this.bars) bar.set(table);
    } else {
      for (const i of changes.rows) this.#paint(table, i);
    }
  }

  #cells(table) {
    this.bars = null;
    this.note = 'one cell each; same shapes as everywhere';
    this.cells = Array.from({ length: table.size }, (_, i) => {
      const project = table.projects[table.project[i]].name;
      return h('a', { href: href(['replicas', project, table.name[i]]), tabindex: i === 0 ? '0' : '-1' });
    });
    replace(this.el, h('div', { class: 'heats' }, table.projects.filter((project) => project.count > 0).map(({ name, first, count }) =>
      h('div', { class: 'heat-group' }, h('h3', { class: 'trunc' }, h('span', null, projectName(name)), h('span', { class: 'dim xs' }, ` ${num(count)}`)), h('div', { class: 'heat' }, this.cells.slice(first, first + count))))));
    for (let i = 0; i < table.size; i++) this.#paint(table, i);
  }

  #paint(table, i) {
    const state = STATES[table.shown[i]];
    const cell = this.cells[i];
    if (!cell || cell.shown === state) return;
    cell.shown = state;
    setClass(cell, `c c-${state.id} ${state.badge}`);
    const label = `${replicaName(table.name[i])}: ${state.word}`;
    setAttr(cell, 'aria-label', label);
    setAttr(cell, 'title', label);
  }

  /** The worst projects as bars: how much of each is in which state. */
  #bars(table) {
    this.cells = null;
    const n = STATES.length;
    const badness = (p) => {
      for (let k = 0; k < n; k++) if (table.projectCounts[p * n + k]) return k * 1e6 - table.projectCounts[p * n + k];
      return Infinity;
    };
    const order = table.projects.map((_, p) => p).sort((a, b) => badness(a) - badness(b) || a - b);
    this.note = `too many for one cell each: one bar per project${order.length > MAX_BARS ? `, the worst ${MAX_BARS}` : ', worst first'}`;
    this.bars = order.slice(0, MAX_BARS).map((p) => projectBar(table, p));
    for (const bar of this.bars) bar.set(table);
    const rest = order.length - this.bars.length;
    replace(this.el, h('div', { class: 'pbars' }, this.bars.map((bar) => bar.el)), rest > 0 && h('p', { class: 'sm dim' }, `and ${plural(rest, 'more project')}: `, h('a', { href: href(['replicas'], { closed: '*' }) }, 'all projects')));
  }

  #move(event) {
    const at = this.cells?.indexOf(event.target) ?? -1;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = at >= 0 && step ? this.cells[at + step] : null;
    if (!next) return;
    event.preventDefault();
    setAttr(event.target, 'tabindex', '-1');
    setAttr(next, 'tabindex', '0');
    next.focus();
  }
}

function projectBar(table, p) {
  const n = STATES.length;
  const { name, count } = table.projects[p];
  const parts = STATES.map((state) => s('rect', { height: 8, class: `b-${state.id}` }));
  const worst = h('span', { class: 'sm nowrap' });
  const el = h('a', { class: 'pbar', href: href(['replicas'], { project: name }) },
    h('b', { class: 'trunc' }, projectName(name)), h('span', { class: 'xs dim nowrap' }, num(count)),
    s('svg', { class: 'bar', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, parts), worst);
  return {
    el,
    set(current) {
      let x = 0;
      parts.forEach((part, k) => {
        const width = Math.round((1000 * current.projectCounts[p * n + k] * 100) / count) / 1000;
        setAttr(part, 'x', x);
        setAttr(part, 'width', width);
        x += width;
      });
      const [text, tone] = worstWords(current, p);
      setText(worst, text);
      setClass(worst, `sm nowrap ${tone}`);
    },
  };
}
