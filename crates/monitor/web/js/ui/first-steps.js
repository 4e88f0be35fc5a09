/**
 * What a new operator sees before anything is declared: steps that can be copied.
 */
import { h } from '../core/dom.js';
import { copyButton, emptyState } from './parts.js';

const TREE = `{
  "replicas": {
    "shop": {
      "master":  { "role": "master", "dialect": "postgres", "uri": "postgres://monitor@db-1:5432/shop" },
      "slave-1": { "role": "slave",  "dialect": "postgres", "uri": "postgres://monitor@db-2:5432/shop", "lagTolerance": 5000 }
    }
  },
  "routing": { "shop": "least-lag" }
}`;
const COMMAND = 'replica-monitor --tree ./replicator-tree.json';

function step(title, text) {
  return h('li', null, h('div', null, h('b', null, title), ' ', copyButton('Copy', () => text), h('pre', { tabindex: '0', role: 'region', 'aria-label': title }, text)));
}

/** @param {string} id makes ids unique */
export function firstSteps() {
  return h('section', { class: 'card' }, emptyState('db', 'No replicas yet',
    h('p', { class: 'mid' }, 'The monitor is running and listening. Its source declares no replica.'),
    h('ol', null,
      step('Write a tree file, for example replicator-tree.json', TREE),
      step('Point the monitor at it', COMMAND),
      h('li', null, h('div', null, h('b', null, 'Keep this page open'), h('p', { class: 'sm mid' }, 'The file is watched: replicas appear here as soon as it names them, and mistakes are shown with their line.'))))));
}
