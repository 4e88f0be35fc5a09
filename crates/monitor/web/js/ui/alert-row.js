/**
 * One alert as a row of the table; with what an operator may do about it, if the reader is one.
 */
import { freeText } from '../core/anon.js';
import { h, icon, replace, setAttr, setClass, setIcon, setText } from '../core/dom.js';
import { dateTime } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { askAck, askSilence } from './alert-dialogs.js';
import { aboutLink, aboutWords, conditionWords, look, sinceWords, whoWords } from './alert-words.js';
import { openModal } from './modal.js';
import { facts } from './parts.js';

const drawn = new WeakMap();

/** @param {HTMLElement | null} node one that was made here @param {{ alarms: import('../core/alarms.js').Alarms, now: number, may: boolean, ready: boolean }} context */
export function alertRow(node, alert, context) {
  const el = node ?? newRow();
  drawn.get(el)(alert, context);
  return el;
}

function newRow() {
  const picture = icon('unk');
  const word = h('span');
  const state = h('span', { class: 'badge' }, picture, word);
  const severity = h('span', { class: 'xs dim sub' });
  const name = h('b');
  const summary = h('span', { class: 'sm mid clamp' });
  const about = h('span', { role: 'cell', class: 'trunc ab' });
  const [since, sinceNote, who, whoNote] = [h('span', { class: 'sub trunc' }), h('span', { class: 'xs dim sub trunc' }), h('span', { class: 'sub trunc' }), h('span', { class: 'xs dim sub trunc' })];
  const actions = h('span', { role: 'cell', class: 'row acts' });
  const cell = (cls, ...content) => h('span', { role: 'cell', class: cls }, content);
  const el = h('div', { role: 'row' }, cell('st', state, severity), cell('w', name, summary), about, cell('sm trunc si', since, sinceNote), cell('sm trunc who', who, whoNote), actions);
  let signature = '';
  drawn.set(el, (alert, context) => {
    const [cls, shape, said] = look(alert);
    setClass(state, `badge ${cls}`);
    setIcon(picture, shape);
    setText(word, said);
    setText(severity, said.toLowerCase() === alert.severity ? '' : alert.severity);
    setText(name, conditionWords(alert.condition));
    setText(summary, freeText(alert.summary));
    setAttr(summary, 'title', freeText(alert.summary));
    two(since, sinceNote, sinceWords(alert, context.now));
    two(who, whoNote, whoWords(alert, context.now));
    // Buttons and links are made anew only when they differ: one may have the focus.
    const now = JSON.stringify([alert.id, alert.state, Boolean(alert.ack), Boolean(alert.silence), context.may, context.ready, aboutWords(alert)]);
    if (now === signature) return;
    signature = now;
    replace(about, aboutLink(alert));
    replace(actions, buttons(alert, context));
  });
  return el;
}

function two(first, second, [text, note]) {
  setText(first, text);
  setAttr(first, 'title', text);
  setText(second, note);
  setAttr(second, 'title', note);
}

function buttons(alert, { alarms, may, ready }) {
  // By the id, not by the object: the answer of a later second has another one.
  const current = () => alarms.shown.alerts.find(({ id }) => id === alert.id) ?? alert;
  const button = (word, act, wanted) => wanted && h('button', { class: 'btn sm', type: 'button', disabled: !ready, onclick: () => act(current(), alarms) }, word, h('span', { class: 'vh' }, ` ${conditionWords(alert.condition)} of ${aboutWords(alert)}`));
  const open = alert.state !== 'resolved';
  return [
    button('Acknowledge', askAck, may && open && !alert.ack),
    button('Silence…', askSilence, may && open && !alert.silence),
    h('button', { class: 'btn sm icon', type: 'button', 'aria-label': `All about ${conditionWords(alert.condition)} of ${aboutWords(alert)}`, onclick: () => openDetails(current(), alarms) }, icon('more')),
  ];
}

function openDetails(alert, { shown }) {
  const { now } = shown;
  const when = (ts) => ts && dateTime(ts, utc());
  const condition = shown.conditions.find(({ name }) => name === alert.condition);
  const [who, why] = whoWords(alert, now);
  openModal(`${conditionWords(alert.condition)} of ${aboutWords(alert)}`, h('p', { class: 'mid' }, freeText(alert.summary)), facts([
    ['State', alert.state],
    ['Severity', alert.severity],
    ['It means', condition?.about],
    ['Since', when(alert.since)],
    ['Fired', when(alert.firedAt)],
    ['Resolved', when(alert.resolvedAt)],
    ['Who', [who, why].filter(Boolean).join(': ')],
    ['Silenced', alert.silence && alert.ack ? `also taken on by ${alert.ack.by}: ${freeText(alert.ack.why)}` : null],
    ['Name for the command line', alert.id && freeText(alert.id)],
  ]));
}
