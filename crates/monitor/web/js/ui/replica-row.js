/**
 * One replica as a table row or as a card: the same cells, laid out by the style sheet.
 */
import { projectName, replicaName } from '../core/anon.js';
import { h, icon, setAttr, setText } from '../core/dom.js';
import { ago } from '../core/fmt.js';
import { href } from '../core/router.js';
import { DOWN } from '../core/states.js';
import { lagCell, poolCell, stateBadge } from './parts.js';
import { spark } from './spark.js';

/** Facts of a row that `lagCell` and `lagWords` want. */
export function lagFacts(table, i, now) {
  return {
    lag: table.lag[i],
    verdict: table.verdict[i],
    master: table.master[i] === 1,
    tolerance: table.tolerance[i],
    asOf: table.asOf.get(i),
    shown: table.shown[i],
    now,
  };
}

/** The cells of one replica, to be drawn again for any row of any table. */
function cells() {
  const state = stateBadge();
  const name = h('b');
  const link = h('a', { class: 'trunc' }, name);
  const project = h('span');
  const role = h('span');
  const star = icon('star', 't-acc');
  const more = h('span', { class: 'only-m' });
  const dialect = h('span', { class: 'trunc' });
  const lag = lagCell();
  const line = spark();
  const pool = poolCell();
  const seen = h('span');
  return {
    state, link, project, role, star, more, dialect, lag, line, pool, seen,
    draw(table, i, now) {
      const span = table.projects[table.project[i]];
      const shownName = replicaName(table.name[i]);
      const isMaster = table.master[i] === 1;
      const word = isMaster ? 'master' : 'slave';
      state.set(table.shown[i]);
      setText(name, shownName || '(no name)');
      setAttr(link, 'href', href(['replicas', span.name, table.name[i]]));
      setAttr(link, 'title', shownName);
      setText(project, projectName(span.name));
      setText(role, word);
      star.toggleAttribute('hidden', !isMaster);
      setText(more, `\u00a0· ${word} · ${table.dialect[i]}`);
      setText(dialect, table.dialect[i]);
      lag.set(lagFacts(table, i, now));
      line.el.toggleAttribute('hidden', isMaster);
      if (!isMaster) line.set(table, i);
      pool.set(table.used[i], table.idle[i], table.poolMax[i]);
      setText(seen, ago(table.seen[i], now));
      setAttr(seen, 'class', table.shown[i] === DOWN ? 't-bad' : null);
    },
  };
}

/** Cells hang on their element, so that a list can hand elements back for reuse. */
const drawn = new WeakMap();

/** Draws a replica into `node` (or a new one). */
export function replicaRow(node, table, i, now) {
  const el = node ?? newRow();
  drawn.get(el).draw(table, i, now);
  return el;
}

function newRow() {
  const c = cells();
  const cell = (cls, ...content) => h('span', { role: 'cell', class: cls }, content);
  const el = h('div', { role: 'row' },
    cell('', c.state.el),
    cell('trunc', c.link, h('span', { class: 'xs dim sub trunc' }, c.project, c.more)),
    cell('x1 mid', c.star, ' ', c.role),
    cell('x1 mid sm trunc', c.dialect),
    cell('w', c.lag.el),
    cell('hide-m', c.line.el),
    cell('hide-m', c.pool.el),
    cell('sm dim hide-m', c.seen));
  drawn.set(el, c);
  return el;
}

/** Draws a replica as a card. */
export function replicaCard(node, table, i, now) {
  const el = node ?? newCard();
  drawn.get(el).draw(table, i, now);
  return el;
}

function newCard() {
  const c = cells();
  const el = h('article', { class: 'card rcard' },
    h('div', { class: 'spread' }, c.link, c.state.el),
    h('div', { class: 'xs dim trunc' }, c.project, ' · ', c.star, ' ', c.role, ' · ', c.dialect),
    h('div', { class: 'spread' }, c.lag.el, c.line.el),
    h('div', { class: 'spread' }, c.pool.el, h('span', { class: 'xs dim nowrap' }, 'seen ', c.seen)));
  drawn.set(el, c);
  return el;
}
