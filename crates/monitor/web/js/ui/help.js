/**
 * The list of keys, as a dialog and on the settings screen.
 */
import { h } from '../core/dom.js';
import { openModal } from './modal.js';

/** @param {any[]} views */
export function keyList(views) {
  const go = views.filter((view) => view.key);
  const rows = [
    [['/'], 'Filter'],
    [['f'], 'Freeze or resume; nothing is lost'],
    ...go.map((view) => [['g', view.key], view.title]),
    [['h'], 'Go to a second of the past'],
    [[',', '.'], 'One look of the monitor earlier, later'],
    [['j', 'k'], 'Next, previous row'],
    [['Enter'], 'Open the row'],
    [['Esc'], 'Clear the filter, close'],
    [['?'], 'This list'],
  ];
  return h('dl', { class: 'dl keys' }, rows.flatMap(([keys, text]) => [h('dt', null, keys.map((key, n) => [n > 0 ? ' ' : '', h('kbd', null, key)]).flat()), h('dd', null, text)]));
}

export function openHelp(views) {
  openModal('Keyboard', keyList(views));
}
