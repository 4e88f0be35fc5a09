/**
 * An event as a person reads it: a badge, a severity and a sentence with links.
 *
 * Types that this page has never heard of are printed with their fields as they are, so an
 * application's own events are never swallowed.
 */
import { freeText, projectName, replicaName, ruleName } from '../core/anon.js';
import { h } from '../core/dom.js';
import { duration, num } from '../core/fmt.js';
import { href } from '../core/router.js';
import { stateOf } from '../core/states.js';
import { linkWords } from '../core/trouble.js';
import { signed } from './rule-state.js';

/** The monitor speaks of itself under this name. */
const SELF = '_monitor_';

/** @typedef {'change' | 'error' | 'note'} Severity */
/** @typedef {{ cls: string, icon: string, word: string, severity: Severity, text: (import('../core/dom.js').Child)[] }} Described */

const kind = (cls, icon, word, severity = 'change') => ({ cls, icon, word, severity });

export function replicaLink(project, name) {
  if (project === SELF) return 'this monitor';
  return h('span', null, h('a', { href: href(['replicas', project, name]) }, h('b', null, replicaName(name))), h('span', { class: 'dim' }, ` ${projectName(project)}`));
}

const ruleLink = (rule) => h('a', { href: href(['rules', rule]) }, h('b', null, ruleName(rule)));
const ofReplica = ({ project, replica }) => replicaLink(project, replica);

/** Rows moved by a sync, in words. */
export function syncWords(stats) {
  const part = (name, sign, word) => (stats?.[name] == null ? null : `${signed(sign, stats[name])} ${word}`);
  return [
    part('inserted', '+', 'ins'),
    part('updated', '', 'upd'),
    part('deleted', '−', 'del'),
    stats?.failed > 0 ? `${num(stats.failed)} failed` : null,
    stats?.durationMs == null ? null : duration(stats.durationMs),
  ].filter(Boolean).join(', ');
}

function syncFailed(stats) {
  return stats?.failed > 0 || Boolean(stats?.lastError);
}

function replicaState(event) {
  const state = stateOf(event.state) ?? stateOf('unknown');
  const words = [` ${state.word.toLowerCase()}`];
  if (event.role) words.push(`, now ${event.role}`);
  if (event.lag != null) words.push(`, lag ${duration(event.lag)}`);
  if (event.reason) words.push(`: ${freeText(String(event.reason))}`);
  return { ...kind(state.badge, state.icon, state.word, state.id === 'down' ? 'error' : 'change'), text: [ofReplica(event), ...words] };
}

function replicaLinkChanged(event) {
  const fine = event.state === 'streaming' || event.state === 'delayed';
  const look = fine ? kind('st-up', 'up', 'Link') : kind('st-lag', 'lag', 'Link', event.state === 'broken' || event.state === 'diverged' ? 'error' : 'change');
  return { ...look, text: [ofReplica(event), ` ${freeText(linkWords({ ...event, name: event.link }))}`] };
}

function replicaDrift(event) {
  const drift = Array.isArray(event.drift) ? event.drift : [];
  if (!drift.length) return { ...kind('st-up', 'up', 'Drift'), text: [ofReplica(event), ' agrees with its tree again'] };
  return { ...kind('st-lag', 'warn', 'Drift', 'error'), text: [ofReplica(event), ` ${freeText(drift.join('; '))}`] };
}

const DESCRIBE = new Map(Object.entries({
  'replica.state': replicaState,
  'replica.link': replicaLinkChanged,
  'replica.drift': replicaDrift,
  'replica.added': (event) => ({ ...kind('st-conn', 'star', 'Added'), text: [ofReplica(event), event.role ? ` ${event.role}` : ''] }),
  'replica.removed': (event) => ({ ...kind('st-unk', 'unk', 'Removed'), text: [ofReplica(event), ' is no longer declared'] }),
  'replica.promoted': (event) => ({ ...kind('st-conn', 'star', 'Promoted'), text: [ofReplica(event), ' slave → master'] }),
  'rule.added': (event) => ({ ...kind('st-conn', 'rule', 'Added'), text: ['rule ', ruleLink(event.rule)] }),
  'rule.removed': (event) => ({ ...kind('st-unk', 'rule', 'Removed'), text: [`rule ${ruleName(event.rule)}`] }),
  'rule.changed': (event) => ({ ...kind('st-conn', 'rule', 'Changed'), text: ['rule ', ruleLink(event.rule)] }),
  'rule.sync.start': (event) => ({ ...kind('st-conn', 'conn', 'Sync', 'note'), text: [ruleLink(event.rule), ' started'] }),
  'rule.sync.done': (event) => {
    const failed = syncFailed(event.stats);
    const look = failed ? kind('st-down', 'down', 'Failed', 'error') : kind('st-up', 'up', 'Synced', 'note');
    const error = event.stats?.lastError;
    return { ...look, text: [ruleLink(event.rule), ` ${syncWords(event.stats)}`, error ? ` · ${freeText(error)}` : ''] };
  },
  error: (event) => ({ ...kind('st-down', 'down', 'Error', 'error'), text: [freeText(String(event.message)), event.context ? ` [${freeText(String(event.context))}]` : ''] }),
  'alert.firing': (event) => ({ ...(event.severity === 'critical' ? kind('st-down', 'down', 'Firing', 'error') : kind('st-lag', 'lag', 'Firing')), text: [h('a', { href: href(['alerts']) }, String(event.condition)), ` ${freeText(String(event.message))}`] }),
  'alert.resolved': (event) => ({ ...kind('st-up', 'up', 'Resolved'), text: [String(event.condition), ` ${freeText(String(event.message))}`] }),
  'problem.cleared': (event) => ({ ...kind('st-up', 'up', 'Cleared'), text: [freeText(String(event.message))] }),
  audit: (event) => ({ ...kind('st-conn', 'info', 'Audit'), text: [freeText(`${event.who ?? 'somebody'}: ${event.action ?? ''} ${rest(event, ['who', 'action'])}`)] }),
}));

/** Fields as they are, without those already told. */
function rest(event, told) {
  return Object.entries(event)
    .filter(([name]) => !['type', 'ts', 'seq', ...told].includes(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

/**
 * @param {import('../core/log.js').Event} event
 * @returns {Described}
 */
export function describe(event) {
  const known = DESCRIBE.get(event.type);
  return known ? known(event) : { ...kind('st-unk', 'info', 'Event'), text: [freeText(rest(event, []))] };
}

/** Severity alone, without making nodes: for filters over thousands of events. @returns {Severity} */
export function severity(event) {
  if (event.type === 'error' || (event.type === 'replica.state' && event.state === 'down')) return 'error';
  if (event.type === 'replica.link' && (event.state === 'broken' || event.state === 'diverged')) return 'error';
  if (event.type === 'alert.firing' && event.severity === 'critical') return 'error';
  if (event.type === 'replica.drift' && event.drift?.length) return 'error';
  if (event.type === 'rule.sync.done') return syncFailed(event.stats) ? 'error' : 'note';
  return event.type === 'rule.sync.start' ? 'note' : 'change';
}
