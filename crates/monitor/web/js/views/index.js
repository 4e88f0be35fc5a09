/**
 * The table of screens. Adding one = one file here, and one line below.
 *
 * A screen is a default export:
 *   path    first part of its address, `args` more parts follow
 *   title   for the tab and the rail; `icon` of the sprite; `key` pressed after `g`
 *   place   'main' and 'more' stand in the rail ('more' is behind the More button on phones), null does not
 *   filters whether the filter box on top works on this screen (elsewhere it leads to Replicas)
 *   create(context) → { el, route(route), update(changes, world), rows?, close?() }
 */
import activity from './activity.js';
import overview from './overview.js';
import replica from './replica.js';
import replicas from './replicas.js';
import rule from './rule.js';
import rules from './rules.js';
import settings from './settings.js';
import topology from './topology.js';

/**
 * @typedef {object} Context
 * @property {import('../core/store.js').Store} store
 * @property {import('../core/router.js').Router} router
 * @property {any[]} views this table
 */

export const VIEWS = [overview, replicas, replica, rules, rule, activity, topology, settings];

/** The screen of an address, or undefined. @param {import('../core/router.js').Route} route */
export function viewOf({ path }) {
  return VIEWS.find((view) => view.path === path[0] && view.args === path.length - 1);
}
