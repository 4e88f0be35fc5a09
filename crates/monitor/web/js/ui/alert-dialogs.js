/**
 * What an operator may do about alerts: take one on, silence some, end a silence. Each asks first and says what will happen.
 */
import { freeText } from '../core/anon.js';
import { command } from '../core/command.js';
import { h, show } from '../core/dom.js';
import { dateTime } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { aboutWords, conditionWords, coverWords } from './alert-words.js';
import { ask, textField } from './ask.js';
import { select } from './parts.js';

const HOUR = 3_600_000;
const LENGTHS = [[HOUR / 2, '30 minutes'], [HOUR, '1 hour'], [2 * HOUR, '2 hours'], [8 * HOUR, '8 hours'], [24 * HOUR, '1 day'], [7 * 24 * HOUR, '7 days'], [30 * 24 * HOUR, '30 days']].map(([ms, word]) => [String(ms), word]);

const why = () => textField('Why? Whoever comes next reads it.', { required: true, maxlength: 300, autocomplete: 'off' });

/** @param {any} alert @param {import('../core/alarms.js').Alarms} alarms */
export function askAck(alert, alarms) {
  const reason = why();
  ask({
    title: `Take on “${conditionWords(alert.condition)}” of ${aboutWords(alert)}?`,
    content: [h('p', { class: 'mid' }, freeText(alert.summary)), h('p', { class: 'mid' }, 'Everybody sees that it is yours, and nobody is reminded of it any more. It goes on firing until the cause is gone.'), reason.el],
    verb: 'Acknowledge',
    doing: 'Acknowledging',
    act: async () => alarms.take(await command('api/alerts/ack', { id: alert.id, why: reason.input.value.trim() })),
  });
}

/** @param {{ condition?: string, project?: string, replica?: string, rule?: string }} from what it covers at first */
export function askSilence(from, alarms) {
  const length = chosen('For', LENGTHS, String(HOUR));
  const condition = chosen('Condition', [['', 'any condition'], ...alarms.shown.conditions.filter(({ off }) => !off).map(({ name }) => [name, conditionWords(name)])], from.condition ?? '');
  const fields = Object.fromEntries(['project', 'replica', 'rule'].map((name) => [name, textField(`Only of this ${name}`, { value: from[name] ?? '', placeholder: `any ${name}`, autocomplete: 'off', spellcheck: 'false' })]));
  const maintenance = h('input', { type: 'checkbox' });
  const reason = why();
  const covers = () => Object.fromEntries([['condition', condition.value()], ...Object.entries(fields).map(([name, { input }]) => [name, input.value])].filter(([, value]) => value));
  const all = h('p', { class: 't-warn', hidden: true }, 'This covers every alert there is.');
  const look = () => show(all, Object.keys(covers()).length === 0);
  const dialog = ask({
    title: from.condition ? `Silence “${conditionWords(from.condition)}” of ${aboutWords(from)}?` : 'Silence which alerts?',
    content: [
      h('p', { class: 'mid' }, 'Nobody is told of what it covers until it ends. The alerts stay on the page; what is still wrong then is told then.'),
      h('div', { class: 'row' }, length.el, condition.el), Object.values(fields).map(({ el }) => el), all,
      h('label', { class: 'field' }, maintenance, ' This is maintenance: somebody works on it'), reason.el,
    ].flat(),
    verb: 'Silence',
    doing: 'Silencing',
    act: async () => {
      await command('api/alerts/silence', { ...covers(), forMs: Number(length.value()), why: reason.input.value.trim(), maintenance: maintenance.checked });
      await alarms.again();
    },
  });
  dialog.addEventListener('input', look);
  look();
}

/** A list to choose from that remembers what was chosen. */
function chosen(label, options, first) {
  let value = first;
  const own = select(label, (next) => (value = next));
  own.set(options, first);
  return { el: own.el, value: () => value };
}

/** @param {any} silence */
export function askEnd(silence, alarms) {
  ask({
    title: `End the silence of ${coverWords(silence)}?`,
    content: [h('p', { class: 'mid' }, `${silence.by} set it until ${dateTime(silence.until, utc())}: `, h('span', null, freeText(silence.why))), h('p', { class: 'mid' }, 'Whatever it covers and still fires is told at once.')],
    verb: 'End the silence',
    doing: 'Ending',
    act: async () => alarms.take(await command('api/alerts/unsilence', { id: silence.id })),
  });
}
