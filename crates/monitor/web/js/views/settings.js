/**
 * How this browser shows things, and what the monitor says about itself. Nothing here reaches the server.
 */
import { freeText } from '../core/anon.js';
import { h, replace } from '../core/dom.js';
import { plural, setting } from '../core/fmt.js';
import { prefs, setPref } from '../core/prefs.js';
import { keyList } from '../ui/help.js';
import { card, facts, select } from '../ui/parts.js';

class Settings {
  /** @param {import('./index.js').Context} context */
  constructor({ views }) {
    const offset = -new Date().getTimezoneOffset() / 60;
    const zone = `local (UTC${offset >= 0 ? '+' : '−'}${Math.abs(offset)})`;
    this.theme = select('Theme', (value) => setPref('theme', value));
    this.redraw = select('Redraw at most', (value) => setPref('redraw', Number(value)));
    this.zone = select('Times', (value) => setPref('zone', value));
    this.options = {
      theme: [['auto', 'follow system'], ['light', 'light'], ['dark', 'dark']],
      redraw: [['4', '4 times a second'], ['1', 'once a second']],
      zone: [['local', zone], ['utc', 'UTC']],
    };
    this.shortcuts = check('Single-key shortcuts', 'shortcuts');
    this.anonymise = check('Hide real names, for screenshots', 'anonymise');
    this.server = h('div', { class: 'body' });
    this.el = h('div', { class: 'stack' }, h('h1', null, 'Settings'),
      h('div', { class: 'grid2' },
        card('h-look', 'Appearance and updates', h('div', { class: 'body stack' }, this.theme.el, this.redraw.el, this.zone.el, this.shortcuts.el,
          h('div', null, this.anonymise.el, h('p', { class: 'xs dim' }, 'Names become aliases and free text is hidden. The address bar, the filter box and downloads keep real names.')))),
        card('h-keys', 'Keyboard', h('div', { class: 'body' }, keyList(views)))),
      card('h-server', 'Monitor', this.server));
    this.#choices();
  }

  #choices() {
    for (const name of ['theme', 'redraw', 'zone']) this[name].set(this.options[name], String(prefs[name]));
    this.shortcuts.input.checked = prefs.shortcuts;
    this.anonymise.input.checked = prefs.anonymise;
  }

  route() {}

  /** @param {import('../core/store.js').Changes} changes @param {import('../core/store.js').World} world */
  update(changes, { meta, table, rules }) {
    if (!changes.structure || !meta) return;
    this.#choices();
    replace(this.server, facts([
      ['Version', meta.version],
      ['Source', [meta.source?.kind, freeText(meta.source?.label ?? '')].filter(Boolean).join(': ')],
      ['Measures lag', meta.capabilities?.measuresLag === false ? 'no' : 'yes'],
      ['Asked every', meta.pollMs ? setting(meta.pollMs) : null],
      ['Watches', `${plural(table.size, 'replica')}, ${plural(rules.length, 'rule')}`],
      ['Connection', globalThis.SharedWorker ? 'one for all tabs of this browser' : 'one per tab; closed while the tab is hidden'],
    ]));
  }
}

function check(label, name) {
  const input = h('input', { type: 'checkbox', onchange: () => setPref(name, input.checked) });
  return { input, el: h('label', { class: 'field' }, input, ` ${label}`) };
}

/** @param {import('./index.js').Context} context */
export const create = (context) => new Settings(context);
