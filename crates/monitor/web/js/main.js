/**
 * Boots the page: wires the store, the link, the address bar, the keys and the screens.
 *
 * Which screens there are stands in views/index.js. Nothing is drawn here.
 */
import { Alarms } from './core/alarms.js';
import { Announcer } from './core/announce.js';
import { h, replace } from './core/dom.js';
import { plural } from './core/fmt.js';
import { listenKeys } from './core/keys.js';
import { Link } from './core/link.js';
import { applyTheme, onPref, prefs } from './core/prefs.js';
import { Router, dropToken, href } from './core/router.js';
import { DOWN } from './core/states.js';
import { Store, TICK } from './core/store.js';
import { openHelp } from './ui/help.js';
import { emptyState } from './ui/parts.js';
import { Shell } from './ui/shell.js';
import { VIEWS, viewOf } from './views/index.js';

dropToken();
applyTheme();

const everything = { structure: true, rows: new Set(), rules: true, log: true, sample: true, tick: true };
const store = new Store({ interval: () => 1000 / prefs.redraw });
const announcer = new Announcer(document.getElementById('polite'), document.getElementById('urgent'));
const alarms = new Alarms(document.baseURI);
const shell = new Shell({ store, views: VIEWS, actions: { retry: () => link.retry(), freeze: toggleFreeze, filter, past: () => onTravel((travel) => travel.toggle()) } });

/** What goes to the past is loaded when somebody goes there. @type {Promise<import('./core/travel.js').Travel> | null} */
let travelling = null;
function onTravel(act) {
  travelling ??= import('./core/travel.js').then(({ Travel }) => new Travel({ store, router, alarms, place: shell.banners.el, onChange: onTime }));
  travelling.then(act, () => {
    // Nothing came of it: the next try loads it again, and until then the page is live.
    travelling = null;
    store.resume();
  });
}

function onTime() {
  shell.update(store.world);
  shell.setFiring(store.past ? null : alarms.firing);
}

/** The screen that is shown. */
let screen = { view: null, own: null };

const router = new Router((route, fresh) => {
  const view = route.path[0] === '' ? VIEWS[0] : viewOf(route);
  if (fresh || !screen.own) enter(view, route);
  screen.own.route(route);
  if (fresh && shown()) screen.own.update(everything, store.world);
  const at = route.params.get('at');
  if (at !== null && !store.live.table && !store.past) store.held = true;
  if (at !== null || travelling) onTravel((travel) => travel.follow(at));
  shell.search.value = view?.filters ? (route.params.get('q') ?? '') : '';
});

/** Leaves the old screen and shows another. */
function enter(view, route) {
  screen.own?.close?.();
  screen = { view, own: view ? view.create({ store, router, alarms, views: VIEWS }) : notFound() };
  put();
  shell.enter(view, view?.name?.(route) ?? view?.title ?? 'Not found');
  scrollTo(0, 0);
  // The link that led here is gone: reading goes on at the screen, not at the top of the page.
  if (document.activeElement === document.body && store.world.table) document.getElementById('main').focus({ preventScroll: true });
}

/** Whether there is something to show. */
const shown = () => Boolean(store.world.table) && !store.held;

/** Nothing of a screen is shown before there is data: until then the page says that it loads. */
function put() {
  if (shown()) replace(document.getElementById('screen'), screen.own.el);
}

function notFound() {
  const el = h('section', { class: 'card' }, emptyState('find', 'There is no such screen',
    h('p', { class: 'mid' }, 'The address may be from another version of this page, or mistyped.'),
    h('a', { class: 'btn primary', href: href(['overview']) }, 'Go to the overview')));
  return { el: h('div', { class: 'stack' }, h('h1', null, 'Not found'), el), route() {}, update() {} };
}

const link = new Link(store, onLink, (version) => {
  const ours = store.live.meta?.version;
  if (ours && version && ours !== version) shell.banners.version.el.hidden = false;
});

let wasLost = false;
let wasLive = false;
function onLink(state) {
  shell.setLink(state);
  if (state.state === 'lost' && !wasLost) announcer.alert('Connection to the monitor lost. The data shown is old.');
  if (state.state === 'live' && !wasLive) alarms.start().then(remember);
  wasLive = state.state === 'live';
  if (state.state === 'live' && wasLost) announcer.alert('Connected again.');
  wasLost = state.state === 'lost';
}

/** Sparklines begin with what is kept of the time before this page was opened. Once: from then on the page sees for itself. */
async function remember() {
  const { table, meta } = store.live;
  if (remembered || !alarms.me?.history || !table) return;
  remembered = true;
  try {
    const { backfill } = await import('./core/backfill.js');
    await backfill(table, meta, store.now() + store.skew);
  } catch {
    // An extra: without it the lines begin now.
  }
  store.filled();
}

let remembered = false;
let down = 0;
store.subscribe((changes, world) => {
  if (!screen.own.el.isConnected) put();
  shell.update(world);
  screen.own.update(changes, world);
  if (store.past) return;
  if (changes.log) alarms.heed(world.log);
  const now = world.table?.counts[DOWN] ?? 0;
  if (now > down) announcer.say(`${plural(now, 'replica')} down`);
  down = now;
});

let firing = 0;
alarms.subscribe(() => {
  if (store.past) return;
  shell.setFiring(alarms.firing);
  if (alarms.firing > firing) announcer.say(`${plural(alarms.firing, 'alert')} firing`);
  firing = alarms.firing ?? 0;
});

/** In the past the same button leads back to now. */
function toggleFreeze() {
  if (store.past) return onTravel((travel) => travel.leave());
  if (store.frozen) store.resume();
  else store.freeze();
  shell.update(store.world);
}

/** Typing filters the screen if it can be filtered, else it leads to the replicas. */
function filter(text) {
  if (screen.view?.filters) router.set({ q: text || null }, { replace: true });
  else if (text) router.go(href(['replicas'], { q: text }));
}

function escape() {
  if (document.querySelector('dialog[open]')) return;
  if (router.route.params.get('q') && screen.view?.filters) router.set({ q: null }, { replace: true });
  document.activeElement?.blur();
}

listenKeys({
  single: {
    '/': () => {
      shell.search.focus();
      shell.search.select();
    },
    f: toggleFreeze,
    j: () => screen.own.list && step(screen.own.list, 1),
    k: () => screen.own.list && step(screen.own.list, -1),
    h: () => onTravel((travel) => travel.toggle()),
    ',': () => onTravel((travel) => travel.step(-1)),
    '.': () => onTravel((travel) => travel.step(1)),
    '?': () => openHelp(VIEWS),
  },
  go: Object.fromEntries(VIEWS.filter((view) => view.key).map((view) => [view.key, () => router.go(href([view.path]))])),
  escape,
});

/** Moves the focus to the next row that holds something to open. */
function step(list, by) {
  const count = list.rows.count();
  let at = list.focused();
  at = at < 0 ? (by > 0 ? list.firstSeen() : -1) : at + by;
  for (; at >= 0 && at < count; at += by) {
    const target = list.reveal(at)?.querySelector('a, button');
    if (target) return target.focus({ preventScroll: true });
  }
}

onPref((name) => {
  if (name === 'theme') applyTheme();
  shell.update(store.world);
  if (shown()) screen.own.update(everything, store.world);
});

document.addEventListener('visibilitychange', () => store.setHidden(document.hidden));
store.setHidden(document.hidden);
setInterval(() => {
  store.tick();
  // Frozen and lost pages get no redraw, but their counters go on.
  if (store.frozen || store.held || shell.link.state !== 'live') shell.update(store.world);
}, TICK);

router.start();
link.start();
