/**
 * Alerts as a person reads them: what they are about, their shape and colour, who has taken them on.
 *
 * Only what fires and nobody silenced is red or amber: what is pending, planned or over asks nobody to act.
 */
import { freeText, projectName, replicaName, ruleName } from '../core/anon.js';
import { h } from '../core/dom.js';
import { clock, dateTime, rough, words } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { href } from '../core/router.js';

/** `rule_failed` → `rule failed`. */
export const conditionWords = (name) => words(name);

/** What an alert is about. */
export function aboutWords({ project, replica, rule }) {
  if (replica) return `${replicaName(replica)} (${projectName(project)})`;
  if (rule) return `rule ${ruleName(rule)}`;
  return project ? `project ${projectName(project)}` : 'this monitor';
}

/** The same, leading there. */
export function aboutLink({ project, replica, rule }) {
  if (replica) return h('span', { class: 'trunc' }, h('a', { href: href(['replicas', project, replica]), title: replicaName(replica) }, h('b', null, replicaName(replica))), h('span', { class: 'xs dim sub trunc' }, projectName(project)));
  if (rule) return h('span', { class: 'trunc' }, h('a', { href: href(['rules', rule]), title: ruleName(rule) }, h('b', null, ruleName(rule))), h('span', { class: 'xs dim sub' }, 'rule'));
  if (project) return h('span', { class: 'trunc' }, h('a', { href: href(['replicas'], { project }), title: projectName(project) }, h('b', null, projectName(project))), h('span', { class: 'xs dim sub' }, 'project'));
  return h('span', { class: 'mid' }, 'this monitor');
}

/** What a silence covers. */
export function coverWords({ condition, project, replica, rule }) {
  const what = condition ? conditionWords(condition) : 'every condition';
  return `${what} of ${project || rule ? aboutWords({ project, replica, rule }) : 'everything'}`;
}

/** @returns {[string, string, string]} class, picture and word */
export function look({ state, severity, silence }) {
  if (state === 'resolved') return ['st-up', 'up', 'Resolved'];
  if (silence) return ['st-pause', 'pause', 'Silenced'];
  if (state === 'pending') return ['st-conn', 'conn', 'Pending'];
  return severity === 'critical' ? ['st-down', 'down', 'Critical'] : ['st-lag', 'lag', 'Warning'];
}

/** A moment of about now: the day is told only where it is another one. */
const short = (ts, now) => (dateTime(ts, utc()).slice(0, 10) === dateTime(now, utc()).slice(0, 10) ? clock(ts, utc()) : dateTime(ts, utc()));

/** Since when, or how long it was. @returns {[string, string]} and a note */
export function sinceWords({ state, since, resolvedAt }, now) {
  if (state === 'resolved') return [`lasted ${rough(Math.max(0, resolvedAt - since))}`, `over for ${rough(Math.max(0, now - resolvedAt))}`];
  return [rough(Math.max(0, now - since)), `since ${short(since, now)}`];
}

/** Who has taken it on or silenced it. @returns {[string, string]} and why */
export function whoWords({ ack, silence, state }, now) {
  if (silence) return [`silenced by ${silence.by}`, `until ${short(silence.until, now)}: ${freeText(silence.why)}`];
  if (ack) return [`taken on by ${ack.by}`, freeText(ack.why)];
  return [state === 'firing' ? 'nobody yet' : '', ''];
}
