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
    readOn(opener);
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * What was done may take the button away that led here, at once or when the screen is next drawn: the focus would
 * fall off the page. Reading goes on at the screen then, unless the focus was moved meanwhile.
 */
function readOn(opener) {
  const main = document.getElementById('main');
  const watch = new MutationObserver(look);
  function look() {
    if (opener?.isConnected) return;
    watch.disconnect();
    main.focus({ preventScroll: true });
  }
  watch.observe(main, { childList: true, subtree: true });
  document.addEventListener('focusin', () => watch.disconnect(), { once: true });
  look();
}

/** A line to type in, with its name above. */
export function textField(label, more) {
  const input = h('input', { type: 'text', class: 'text', ...more });
  return { input, el: h('label', { class: 'labelled' }, label, input) };
}
