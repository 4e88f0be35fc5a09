/**
 * The header of a project's rows: routing, worst state, and the button that folds them.
 */
import { projectName } from '../core/anon.js';
import { h, icon, setAttr, setClass, setText } from '../core/dom.js';
import { num, plural } from '../core/fmt.js';
import { CONNECTING, DOWN, LAGGING, STATES, UNKNOWN } from '../core/states.js';

const parts = new WeakMap();

function newGroup() {
  const name = h('span', { class: 'trunc' });
  const about = h('span', { class: 'about dim xs nowrap' });
  const worst = h('span');
  const label = h('span', { class: 'vh' });
  const button = h('button', { class: 'btn sm icon', type: 'button' }, icon('down2'), label);
  const el = h('div', { role: 'row', class: 'grp' },
    h('span', { role: 'cell', class: 'spread' }, name, about),
    h('span', { role: 'cell', class: 'sm nowrap' }, worst),
    h('span', { role: 'cell' }, button));
  const own = { name, about, worst, label, button, toggle: null };
  button.addEventListener('click', () => own.toggle());
  parts.set(el, own);
  return el;
}

/**
 * @param {HTMLElement | null} node
 * @param {import('../core/table.js').Table} table
 * @param {number} number of the project
 * @param {boolean} closed
 * @param {(project: string) => void} toggle
 */
export function groupRow(node, table, number, closed, toggle) {
  const el = node ?? newGroup();
  const own = parts.get(el);
  const project = table.projects[number];
  const shownName = projectName(project.name);
  const [text, tone] = worstWords(table, number);
  setText(own.name, shownName || '(no name)');
  setAttr(own.name, 'title', shownName);
  setText(own.about, `${plural(project.count, 'replica')}${project.routing ? ` · reads ${project.routing}` : ''}`);
  setText(own.worst, text);
  setClass(own.worst, tone);
  setText(own.label, `${closed ? 'Expand' : 'Collapse'} ${shownName}`);
  setAttr(own.button, 'aria-expanded', String(!closed));
  own.toggle = () => toggle(project.name);
  return el;
}

/** The worst state of a project and how many replicas are in it; nothing when all is well. */
export function worstWords(table, number) {
  const base = number * STATES.length;
  for (const shown of [DOWN, LAGGING, UNKNOWN, CONNECTING]) {
    const count = table.projectCounts[base + shown];
    if (count > 0) return [`${num(count)} ${STATES[shown].word.toLowerCase()}`, STATES[shown].text];
  }
  return ['all up', 't-ok'];
}
