/**
 * Single-key shortcuts.
 *
 * They never fire while somebody types or holds a modifier, and can be switched off whole (WCAG
 * 2.1.4). Nothing that changes data will ever have one. Escape works even when they are off.
 */
import { prefs } from './prefs.js';

/** How long `g` waits for its letter, ms. */
const PATIENCE = 1500;
const TYPING = 'input:not([type=checkbox]), select, textarea, [contenteditable]';

/**
 * @param {object} actions
 * @param {Record<string, () => void>} actions.single by key
 * @param {Record<string, () => void>} actions.go by the letter after `g`
 * @param {() => void} actions.escape
 */
export function listenKeys({ single, go, escape }) {
  let waiting = 0;
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') return escape();
    if (!prefs.shortcuts || event.target.closest?.(TYPING) || document.querySelector('dialog[open]')) return;
    const afterG = event.timeStamp - waiting < PATIENCE && waiting > 0;
    waiting = 0;
    const table = afterG ? go : single;
    if (!afterG && event.key === 'g') waiting = event.timeStamp;
    else if (Object.hasOwn(table, event.key)) {
      event.preventDefault();
      table[event.key]();
    }
  });
}
