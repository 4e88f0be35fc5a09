/**
 * The few replicas to look at first: down, then lagging, then those that answer and drift or do not
 * run as they should, then those that should be measured and are not. The list is rebuilt only when it differs, and never while somebody points at it.
 */
import { projectName, replicaName, freeText } from '../core/anon.js';
import { h, replace, setText } from '../core/dom.js';
import { ago, lagWords, num, setting } from '../core/fmt.js';
import { href } from '../core/router.js';
import { CONNECTING, DOWN, LAGGING, UNKNOWN, UP } from '../core/states.js';
import { badLink, linkWords, trouble } from '../core/trouble.js';
import { stateBadge } from './parts.js';
import { lagFacts } from './replica-row.js';

const SHOWN = 8;

/** Why a replica is here, in a sentence. */
export function why(table, i, now) {
  const problem = table.problem.get(i);
  if (problem) return freeText(problem);
  const reason = table.reason.get(i);
  const observed = table.observed.get(i);
  const said = observed?.reason ? `: ${freeText(observed.reason)}` : '';
  switch (table.shown[i]) {
    case DOWN:
      return `Not reachable${said}${Number.isNaN(table.seen[i]) ? ', and never was' : `, last seen ${ago(table.seen[i], now)}`}`;
    case LAGGING: {
      const busy = table.used[i] / table.poolMax[i] >= 0.9 ? `, pool ${num(table.used[i])} / ${num(table.poolMax[i])}` : '';
      const link = badLink(observed) ?? observed?.links?.find((own) => own.reason);
      return `${lagWords(lagFacts(table, i, now))} behind, over the ${setting(table.tolerance[i])} limit${busy}${link ? `; ${freeText(linkWords(link))}` : ''}`;
    }
    case CONNECTING:
      return `Connecting${said || ', no answer yet'}`;
    case UNKNOWN:
      return observed?.reason || reason ? freeText(sentence(observed?.reason || reason)) : 'No data: unknown is not counted as up';
    default: {
      const words = trouble(observed) || reason;
      return words ? freeText(sentence(words)) : '';
    }
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The worst rows, most severe first; the larger lag first among equals. */
export function worstRows(table, measured, most = SHOWN) {
  const found = [];
  const wanted = measured ? [DOWN, LAGGING, UP, UNKNOWN] : [DOWN, LAGGING];
  for (const shown of wanted) {
    if (table.counts[shown] === 0 || found.length >= most) continue;
    const rows = shown === UP ? troubled(table) : [];
    for (let i = 0; shown !== UP && i < table.size; i++) if (table.shown[i] === shown) rows.push(i);
    // Only a lag orders a list that changes all the time; the others keep the declared order.
    if (shown === LAGGING) rows.sort((a, b) => table.lag[b] - table.lag[a]);
    found.push(...rows.slice(0, most - found.length));
  }
  return found;
}

/** Rows that answer in time, and yet something is wrong with them. */
function troubled(table) {
  const rows = [];
  for (const [i, observed] of table.observed) if (table.shown[i] === UP && trouble(observed)) rows.push(i);
  return rows.sort((a, b) => a - b);
}

export class Attention {
  constructor() {
    this.el = h('div', { class: 'dt' });
    this.busy = false;
    this.rows = [];
    this.el.addEventListener('pointerenter', () => (this.busy = true));
    this.el.addEventListener('pointerleave', () => (this.busy = false));
  }

  update({ table, meta }, now, fresh) {
    const measured = meta.capabilities?.measuresLag !== false;
    const still = this.busy || this.el.contains(document.activeElement);
    if (fresh || !still) {
      const rows = worstRows(table, measured);
      if (fresh || rows.join() !== this.rows.map((row) => row.i).join()) this.#build(table, rows, measured);
    }
    for (const row of this.rows) {
      row.badge.set(table.shown[row.i]);
      setText(row.why, why(table, row.i, now));
    }
    if (this.more) setText(this.more, this.#rest(table, measured));
  }

  #build(table, rows, measured) {
    this.rows = rows.map((i) => ({ i, badge: stateBadge(), why: h('span', { class: 'sm mid trunc sub' }) }));
    this.more = null;
    if (rows.length === 0) {
      const word = measured ? 'Every measured replica answers and is within its limit.' : 'Nothing is measured yet, so nothing can be wrong or right.';
      replace(this.el, h('p', { class: 'body mid' }, word));
      return;
    }
    const items = this.rows.map((row) => {
      const project = table.projects[table.project[row.i]].name;
      const name = table.name[row.i];
      return h('div', { role: 'listitem', class: 'li' }, row.badge.el, h('span', { class: 'trunc' },
        h('a', { href: href(['replicas', project, name]), title: replicaName(name) }, h('b', null, replicaName(name))), ' ', h('span', { class: 'dim xs' }, projectName(project)), row.why));
    });
    if (rows.length === SHOWN) this.more = h('p', { class: 'sm dim rest' });
    replace(this.el, h('div', { role: 'list' }, items), this.more);
  }

  #rest(table, measured) {
    const all = table.counts[DOWN] + table.counts[LAGGING] + (measured ? table.counts[UNKNOWN] + troubled(table).length : 0);
    return all > SHOWN ? `and ${num(all - SHOWN)} more` : '';
  }
}
