/**
 * A dialog that asks before something is done, and stays until the monitor says that it was.
 *
 * What goes wrong is said inside it, and what was typed is kept. It knows no command itself.
 */
import { h, setText, show } from '../core/dom.js';

let count = 0;

/**
 * @param {object} what
 * @param {string} what.title a question that names the action
 * @param {any[]} what.content what will happen, and fields
 * @param {string} what.verb on the button
 * @param {string} what.doing the same while it is being done
 * @param {() => Promise<void>} what.act fails with a sentence
 */
export function ask({ title, content, verb, doing, act }) {
  const id = `ask-${++count}`;
  const problem = h('p', { class: 't-bad', role: 'alert', hidden: true });
  const go = h('button', { class: 'btn primary', type: 'submit' }, verb);
  const waiting = (yes) => {
    go.disabled = yes;
    setText(go, yes ? `${doing}… waiting` : verb);
  };
  const submit = async (event) => {
    event.preventDefault();
    show(problem, false);
    waiting(true);
    try {
      await act();
      dialog.close();
    } catch (error) {
      setText(problem, error.message);
      show(problem, true);
    }
    waiting(false);
  };
  const opener = document.activeElement;
  const dialog = h('dialog', { class: 'dlg', 'aria-labelledby': id },
    h('form', { class: 'stack', onsubmit: submit }, h('h2', { id }, title), content, problem,
      h('footer', null, h('button', { class: 'btn', type: 'button', onclick: () => dialog.close() }, 'Cancel'), go)));
  dialog.addEventListener('close', () => {
    dialog.remove();
    // What was done may have taken the button away that led here.
    if (!opener?.isConnected) document.getElementById('main').focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A line to type in, with its name above. */
export function textField(label, more) {
  const input = h('input', { type: 'text', class: 'text', ...more });
  return { input, el: h('label', { class: 'labelled' }, label, input) };
}
