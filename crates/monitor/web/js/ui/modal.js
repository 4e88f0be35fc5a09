/**
 * A plain dialog to read and close. It asks nothing and confirms nothing.
 */
import { h } from '../core/dom.js';

let count = 0;

/** Opens a dialog; the browser keeps the focus inside and gives it back. */
export function openModal(title, ...content) {
  const id = `dlg-${++count}`;
  const dialog = h('dialog', { class: 'dlg', 'aria-labelledby': id },
    h('h2', { id }, title), content,
    h('footer', null, h('button', { class: 'btn', type: 'button', onclick: () => dialog.close() }, 'Close')));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
