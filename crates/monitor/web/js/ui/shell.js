/**
 * What surrounds every screen: rail, top bar, title of the tab, banners, signed-out state.
 *
 * It reads the store for the few figures on the rail and nothing else.
 */
import { h, icon, replace, setAttr, setClass, setIcon, setText, show } from '../core/dom.js';
import { ago, clock, dateTime, num } from '../core/fmt.js';
import { prefs, setPref, utc } from '../core/prefs.js';
import { href } from '../core/router.js';
import { DOWN } from '../core/states.js';
import { Banners } from './banners.js';
import { emptyState } from './parts.js';

const byId = (id) => document.getElementById(id);
const THEMES = { auto: 'light', light: 'dark', dark: 'auto' };

export class Shell {
  /**
   * @param {object} parts
   * @param {import('../core/store.js').Store} parts.store
   * @param {any[]} parts.views
   * @param {{ retry: () => void, freeze: () => void, filter: (text: string) => void, past: () => void }} parts.actions
   */
  constructor({ store, views, actions }) {
    this.store = store;
    this.link = { state: 'connecting', since: Date.now(), attempt: 0, retryAt: 0 };
    this.counts = new Map();
    /** Where the number of firing alerts stands. */
    this.firing = [];
    this.links = new Map();
    this.screenTitle = '';
    this.search = byId('filter');
    this.main = byId('main');
    this.screen = byId('screen');
    this.banners = new Banners(actions.retry);
    this.main.prepend(this.banners.el);
    this.search.addEventListener('input', () => actions.filter(this.search.value));
    byId('freeze').addEventListener('click', actions.freeze);
    byId('past').addEventListener('click', actions.past);
    byId('theme').addEventListener('click', () => setPref('theme', THEMES[prefs.theme]));
    this.#rail(views);
  }

  #rail(views) {
    const counter = (view) => {
      const count = h('span', { class: 'count' });
      if (view.path === 'alerts') this.firing.push(count);
      return count;
    };
    const entry = (view, cls) => {
      const count = counter(view);
      const link = h('a', { href: href([view.path]) }, icon(view.icon), view.title, count);
      this.links.set(view, link);
      this.counts.set(view.path, count);
      return h('li', { class: cls }, link);
    };
    const of = (place) => views.filter((view) => view.place === place);
    const more = h('details', { class: 'more' }, h('summary', null, icon('more'), 'More', counter({ path: 'alerts' })), h('ul', null, of('more').map((view) => h('li', null, h('a', { href: href([view.path]) }, icon(view.icon), view.title, counter(view))))));
    more.addEventListener('click', (event) => event.target.closest('a') && (more.open = false));
    replace(byId('rail'), of('main').map((view) => entry(view, '')), of('more').map((view) => entry(view, 'sec')), h('li', { class: 'only-m' }, more));
  }

  /** @param {any} view @param {string} title */
  enter(view, title) {
    this.screenTitle = title;
    for (const [own, link] of this.links) setAttr(link, 'aria-current', own.path === view?.path ? 'page' : null);
    this.update(this.store.world);
  }

  /** How many alerts fire; null where nobody knows, or where it is not about now. @param {number | null} count */
  setFiring(count) {
    for (const el of this.firing) {
      setClass(el, count ? 'count fire' : 'count');
      setText(el, count === null ? '' : num(count));
      setAttr(el, 'title', count ? `${num(count)} firing` : null);
    }
  }

  /** @param {import('../core/stream.js').LinkState} link */
  setLink(link) {
    this.link = link;
    this.update(this.store.world);
  }

  update(world) {
    const { rules } = world;
    // While a second of the past is on its way, nothing of now is shown.
    const table = this.store.held ? null : world.table;
    const now = this.store.now();
    this.banners.update(this.link, world, now, this.store.serverNow(), this.store.past);
    this.#status(world, now);
    const stale = (this.link.state === 'lost' && !this.store.past) || Boolean(world.meta?.source?.stalledSince);
    setClass(this.screen, stale ? 'stale' : '');
    document.documentElement.classList.toggle('calm', world.meta?.capabilities?.measuresLag === false);
    if (table) {
      setText(this.counts.get('replicas'), num(table.size));
      setText(this.counts.get('rules'), num(rules.length));
    }
    this.#title(table);
    this.#signedOut();
  }

  #status({ time }, now) {
    const { state } = this.link;
    const { frozen, frozenAt, waiting, past } = this.store;
    const el = byId('live');
    const [word, tone, picture] = past ? ['Past', 'frozen', 'clock'] : state === 'lost' ? ['Disconnected', 'bad', 'downo'] : state !== 'live' ? ['Connecting', 'wait', 'conn'] : frozen ? ['Frozen', 'frozen', 'pause'] : ['Live', 'ok', 'up'];
    setText(byId('live-word'), word);
    setClass(el, `live ${tone}`);
    setIcon(byId('live-icon'), picture);
    const age = past ? ` ${dateTime(frozenAt, utc())}` : frozen ? ` at ${clock(frozenAt, utc())} · ${num(waiting)} new` : state === 'lost' && time ? ` · data from ${clock(time, utc())}` : state === 'live' ? ` · updated ${ago(time, now + this.store.skew)}` : '';
    setText(byId('live-age'), age);
    setText(byId('live-count'), past ? ` ${clock(frozenAt, utc())}` : frozen ? ` ${num(waiting)}` : '');
    const button = byId('freeze');
    setAttr(button, 'aria-pressed', String(frozen && !past));
    setText(byId('freeze-word'), past ? 'Now' : frozen ? 'Resume' : 'Freeze');
    setAttr(byId('past'), 'aria-pressed', String(past));
    setIcon(byId('freeze-icon'), frozen ? 'play' : 'freeze');
    setAttr(byId('theme'), 'aria-label', `Theme: ${prefs.theme === 'auto' ? 'follow system' : prefs.theme}`);
  }

  #title(table) {
    const down = table?.counts[DOWN] ?? 0;
    const prefix = this.store.past ? 'Past · ' : this.link.state === 'lost' ? 'Disconnected · ' : this.store.frozen ? 'Frozen · ' : down ? `(${down} down) ` : '';
    const title = `${prefix}${this.screenTitle} · replica-monitor`;
    if (document.title !== title) document.title = title;
  }

  #signedOut() {
    const out = this.link.state === 'signed-out';
    if (out === Boolean(this.gate)) return;
    this.gate?.remove();
    this.gate = out ? h('section', { class: 'card' }, emptyState('lock', 'Signed out',
      h('p', { class: 'mid' }, 'This monitor needs a token. Open the link with ', h('code', null, '?token=…'), ' again.'))) : null;
    show(this.screen, !out);
    if (out) this.main.append(this.gate);
  }
}
