/**
 * What the reader chose on this browser: kept in localStorage, nowhere else.
 *
 * View state (filters, sorting) is not here: that belongs to the address bar.
 */

/**
 * @typedef {object} Prefs
 * @property {'auto' | 'light' | 'dark'} theme
 * @property {1 | 4} redraw redraws per second
 * @property {'local' | 'utc'} zone
 * @property {boolean} shortcuts
 * @property {boolean} anonymise
 */

const KEY = 'replica-monitor.prefs';
const CHOICES = {
  theme: ['auto', 'light', 'dark'],
  redraw: [4, 1],
  zone: ['local', 'utc'],
  shortcuts: [true, false],
  anonymise: [false, true],
};
const listeners = new Set();

/** Storage may be blocked or hold anything: every value is checked, the first choice is the default. */
function load() {
  let stored = {};
  try {
    stored = JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    // Unreadable preferences are no reason to fail: the defaults apply.
  }
  return Object.fromEntries(
    Object.entries(CHOICES).map(([name, choices]) => [name, choices.includes(stored[name]) ? stored[name] : choices[0]]),
  );
}

/** @type {Prefs} */
export const prefs = load();

/** Keeps a choice and tells everybody who listens. */
export function setPref(name, value) {
  prefs[name] = value;
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // Private windows may refuse storage: the choice then lasts until the page closes.
  }
  for (const listener of listeners) listener(name);
}

/** @param {(name: string) => void} listener */
export function onPref(listener) {
  listeners.add(listener);
}

/** Writes the theme where the style sheet reads it. */
export function applyTheme() {
  if (prefs.theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = prefs.theme;
}

/** Whether times are shown in UTC. */
export const utc = () => prefs.zone === 'utc';
