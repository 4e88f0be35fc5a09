/**
 * What a server says of itself, for the detail screen: its links, the evidence behind the lag, its
 * own facts, and what somebody should mend. It is asked for while the screen is open, because most
 * of it changes with every look and nobody else wants it.
 */
import { freeText, projectName, replicaName } from '../core/anon.js';
import { h, replace, show } from '../core/dom.js';
import { ago, duration, lagWords, num, setting } from '../core/fmt.js';
import { href } from '../core/router.js';
import { VERDICT } from '../core/states.js';
import { runwayWords } from '../core/trouble.js';
import { badge, card, copyButton, facts } from './parts.js';

/** Shape, colour and word of a link's state. */
const LINK = { streaming: ['st-up', 'up'], delayed: ['st-conn', 'pause'], paused: ['st-lag', 'pause'], stopped: ['st-lag', 'pause'], connecting: ['st-conn', 'conn'], resyncing: ['st-conn', 'conn'], broken: ['st-down', 'down'], diverged: ['st-down', 'down'] };

export function linkBadge(state) {
  const [cls, picture] = LINK[state] ?? ['st-unk', 'unk'];
  return badge(cls, picture, state);
}

export class Observed {
  constructor() {
    this.links = h('div', { class: 'body stack' });
    this.evidence = h('div', { class: 'body scroll', tabindex: '0', role: 'region', 'aria-label': 'Evidence, as a table' });
    this.server = h('div', { class: 'body' });
    this.mend = h('div', { class: 'body stack' });
    this.age = h('span', { class: 'sm dim' });
    this.cards = {
      mend: card('h-mend', 'To mend', this.mend),
      links: card('h-links', 'Links into it', this.links),
      evidence: card('h-evidence', 'Evidence', this.evidence, this.age),
      server: card('h-server', 'What the server says', this.server),
    };
    this.el = h('div', { class: 'stack' }, this.cards.mend, h('div', { class: 'grid2' }, this.cards.links, this.cards.server), this.cards.evidence);
  }

  /** @param {any} replica as `api/replicas/…` tells it, or null @param {number} now */
  update(replica, now) {
    const observed = replica?.observed;
    show(this.el, Boolean(observed));
    if (!observed) return;
    replace(this.links, observed.links.length ? observed.links.map(linkFacts) : h('p', { class: 'mid' }, 'Nothing feeds it.'));
    show(this.cards.evidence, observed.evidence.length > 0);
    replace(this.evidence, evidenceTable(observed));
    replace(this.age, `looked at ${ago(replica.lastPing, now)}`);
    replace(this.server, serverFacts(observed));
    const todo = [...observed.drift.map(drift), ...observed.missing.map(grant), ...observed.strangers.map(stranger)];
    show(this.cards.mend, todo.length > 0);
    // What can be copied must not be pulled away while somebody selects it.
    const drawn = JSON.stringify([observed.drift, observed.missing, observed.strangers]);
    if (drawn !== this.drawn) replace(this.mend, todo);
    this.drawn = drawn;
  }
}

function linkFacts(link) {
  const verdict = VERDICT[link.lagVerdict] ?? VERDICT.unknown;
  const lag = lagWords({ lag: link.lag ?? NaN, verdict, master: false });
  const from = link.upstreamReplica;
  const known = from && h('a', { href: href(['replicas', from.project, from.replica]) }, `${replicaName(from.replica)} (${projectName(from.project)})`);
  return h('div', { class: 'stack tight' },
    h('div', { class: 'row' }, linkBadge(link.state), link.name && h('b', null, freeText(link.name))),
    link.reason && h('p', { class: 'mid sm' }, freeText(link.reason)),
    facts([
      ['From', known || (link.upstream && freeText(link.upstream)) || 'its upstream cannot be seen'],
      ['Address', known && link.upstream && freeText(link.upstream)],
      ['Lag', lag.startsWith('— u') ? `unknown${link.lagReason ? `: ${freeText(link.lagReason)}` : ''}` : lag],
      ['Held back', link.delay && `${setting(link.delay)}, on purpose`],
      ['Runway', freeText(runwayWords(link, duration))],
    ]));
}

function evidenceTable({ evidence, disagree }) {
  const row = ({ source, says, age }) => h('tr', null, h('td', { class: 'mono sm' }, source), h('td', { class: 'wrap' }, freeText(says)), h('td', { class: 'dim sm' }, age === undefined ? '' : `${duration(age)} old`));
  return [
    disagree && h('p', { class: 't-warn' }, `The server's own figure disagrees: ${freeText(disagree)}.`),
    h('table', { class: 'plain' }, h('thead', null, h('tr', null, ['Read from', 'It says', 'Age'].map((word) => h('th', { scope: 'col' }, word)))), h('tbody', null, evidence.map(row))),
  ];
}

function serverFacts(observed) {
  const { connections: used, clockOffset, writable } = observed;
  return facts([
    ['Product', observed.version && freeText(observed.version)],
    ['Plays', observed.role],
    ['Takes writes', writable === undefined ? null : writable ? 'yes' : 'no'],
    ['Position', observed.position && h('span', { class: 'mono sm' }, freeText(observed.position))],
    ['Behind by', observed.behind === undefined ? null : `${num(observed.behind)} ${observed.behindUnit}`],
    ['Known as', observed.identity && h('span', { class: 'mono sm' }, freeText(observed.identity))],
    ['Connections', used && `${num(used.used)} of ${num(used.max)} in use, by everybody`],
    ['Its clock', clockOffset === undefined ? null : Math.abs(clockOffset) < 20 ? 'agrees with the monitor’s' : `${duration(Math.abs(clockOffset))} ${clockOffset > 0 ? 'ahead of' : 'behind'} the monitor’s`],
    ['A look takes', observed.probeUs === undefined ? null : `${(observed.probeUs / 1000).toFixed(1)} ms`],
  ]);
}

const drift = ({ message }) => h('p', null, badge('st-lag', 'warn', 'Drift'), ` ${freeText(message)}`);

const grant = (missing) => h('div', null, h('p', null, badge('st-unk', 'lock', 'Unseen'), ` ${missing.what}`), h('pre', null, missing.grant), copyButton('Copy the statement', () => missing.grant));

const stranger = ({ seenAs, entry }) => h('div', null, h('p', null, badge('st-unk', 'find', 'Not in the tree'), ` ${freeText(seenAs)} follows it. To watch it, complete this entry and add it to the project:`), h('pre', null, freeText(entry)), copyButton('Copy the entry', () => entry));
