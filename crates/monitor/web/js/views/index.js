/**
 * The table of screens. Adding one = one file here, and one line below.
 *
 * A screen is a default export, or, where its file is loaded when it is first opened, a line of the same here and `create` there:
 *   path    first part of its address, `args` more parts follow
 *   title   for the tab and the rail; `icon` of the sprite; `key` pressed after `g`
 *   place   'main' and 'more' stand in the rail ('more' is behind the More button on phones), null does not
 *   filters whether the filter box on top works on this screen (elsewhere it leads to Replicas)
 *   create(context) → { el, route(route), update(changes, world), rows?, close?() }
 */
import activity from './activity.js';
import { onDemand } from './on-demand.js';
import overview from './overview.js';
import replica from './replica.js';
import replicas from './replicas.js';
import rule from './rule.js';
import rules from './rules.js';

/**
 * @typedef {object} Context
 * @property {import('../core/store.js').Store} store
 * @property {import('../core/router.js').Router} router
 * @property {any[]} views this table
 * @property {import('../core/alarms.js').Alarms} alarms
 */

const topology = onDemand({ path: 'topology', args: 0, title: 'Topology', icon: 'topo', key: 't', place: 'more', filters: false }, () => import('./topology.js'));
const alerts = onDemand({ path: 'alerts', args: 0, title: 'Alerts', icon: 'bell', key: 'l', place: 'more', filters: true }, () => import('./alerts.js'));
const history = onDemand({ path: 'history', args: 0, title: 'History', icon: 'hist', key: 'h', place: 'more', filters: false }, () => import('./history.js'));
const settings = onDemand({ path: 'settings', args: 0, title: 'Settings', icon: 'gear', key: 's', place: 'more', filters: false }, () => import('./settings.js'));

export const VIEWS = [overview, replicas, replica, rules, rule, activity, topology, history, alerts, settings];

/** The screen of an address, or undefined. @param {import('../core/router.js').Route} route */
export function viewOf({ path }) {
  return VIEWS.find((view) => view.path === path[0] && view.args === path.length - 1);
}
