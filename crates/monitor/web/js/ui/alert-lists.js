/**
 * What surrounds the alerts: silences and maintenance, the channels by which people are told, what is looked for.
 */
import { freeText } from '../core/anon.js';
import { h, replace } from '../core/dom.js';
import { ago, dateTime, num, plural, rough, setting } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { askEnd } from './alert-dialogs.js';
import { conditionWords, coverWords } from './alert-words.js';
import { badge } from './parts.js';

/** Silences listed at most: the filter finds the others. */
const SHOWN = 50;

/** Draws into a card only what differs: buttons in it may have the focus. */
function redraw(el, signature, make) {
  const text = JSON.stringify(signature);
  if (el.signature === text) return;
  el.signature = text;
  replace(el, make());
}

/** @param {HTMLElement} el @param {any[]} silences @param {{ alarms: any, now: number, may: boolean, ready: boolean }} context */
export function drawSilences(el, silences, { alarms, now, may, ready }) {
  redraw(el, [silences, may, ready, utc(), freeText(''), silences.map(({ at }) => at > now)], () => {
    if (silences.length === 0) return h('p', { class: 'mid sm' }, 'Nothing is silenced.');
    const rows = silences.slice(0, SHOWN).map((silence) => h('div', { role: 'listitem', class: 'item' },
      silenceBadge(silence, now),
      h('div', { class: 'wrap' }, h('b', null, coverWords(silence)), h('p', { class: 'sm mid' }, `${silence.at > now ? `from ${dateTime(silence.at, utc())} ` : ''}until ${dateTime(silence.until, utc())}, by ${silence.by}: `, h('span', null, freeText(silence.why)))),
      may && h('button', { class: 'btn sm', type: 'button', disabled: !ready, onclick: () => askEnd(silence, alarms) }, 'End', h('span', { class: 'vh' }, ` the silence of ${coverWords(silence)}`))));
    const rest = silences.length - SHOWN;
    return [h('div', { role: 'list' }, rows), rest > 0 && h('p', { class: 'sm dim' }, `and ${plural(rest, 'more', 'more')}: the filter finds them`)].filter(Boolean);
  });
}

function silenceBadge({ maintenance, at }, now) {
  if (at > now) return badge('st-conn', 'clock', 'To come');
  return maintenance ? badge('st-pause', 'gear', 'Maintenance') : badge('st-pause', 'pause', 'Silence');
}

const CHANNEL = { ok: ['st-up', 'up', 'Works'], failing: ['st-down', 'down', 'Failing'], unused: ['st-unk', 'unk', 'Not used yet'] };

/** @param {any[]} channels */
export function drawChannels(el, channels, now) {
  const since = (channel) => (channel.since ? ago(channel.since, now) : '');
  redraw(el, [channels, channels.map(since), freeText('')], () => {
    if (channels.length === 0) return h('p', { class: 'mid sm' }, 'No channel is named, so nobody is told: alerts are only shown. Start with --alerts FILE to name some.');
    return h('div', { role: 'list' }, channels.map((channel) => h('div', { role: 'listitem', class: 'item' }, badge(...(CHANNEL[channel.state] ?? CHANNEL.unused)),
      h('div', { class: 'wrap' }, h('b', null, channel.name), h('span', { class: 'dim' }, ` ${channel.kind}`), h('p', { class: 'sm mid' }, counts(channel)),
        channel.why && h('p', { class: 'sm t-bad' }, `failing since ${since(channel)}: `, h('span', null, freeText(channel.why)))))));
  });
}

function counts({ delivered, failed, givenUp, waiting }) {
  const parts = [`${num(delivered)} delivered`, waiting > 0 && `${num(waiting)} waiting`, failed > 0 && `${plural(failed, 'try', 'tries')} failed`, givenUp > 0 && `${num(givenUp)} given up`];
  return parts.filter(Boolean).join(' · ');
}

/** @param {any[]} conditions */
export function drawConditions(el, conditions) {
  redraw(el, conditions, () => h('div', { role: 'list' }, conditions.map(({ name, severity, afterMs, about, off }) => h('div', { role: 'listitem', class: 'item' },
    h('span', { class: 'badge plain' }, off ? 'off' : severity),
    h('div', { class: 'wrap' }, h('b', null, conditionWords(name)), h('p', { class: 'sm mid' }, about, off ? '' : afterMs > 0 ? `, for ${afterMs < 60_000 ? rough(afterMs) : setting(afterMs)}` : ', at once'))))));
}
