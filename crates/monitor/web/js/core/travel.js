/**
 * Goes to a second of the past and back: every screen is then drawn from what the monitor kept of it.
 *
 * The second stands in the address (`?at=`, milliseconds since 1970), so a link to it can be handed on, and links
 * inside the page stay at it. What is not kept is said, and the page stays where it is. It asks for no figure of now.
 */
import { backfill } from './backfill.js';
import { refusal } from './command.js';
import { Log } from './log.js';
import { keepTo, parse } from './router.js';
import { worldOf } from './store.js';
import { TimeBar } from '../ui/time-bar.js';

/** Events shown of before that second. */
const EVENTS = 200;

/** How everything stood, as the store holds it. @param {any} snapshot `api/at` @param {any[]} events oldest first */
export function pastWorld(snapshot, events) {
  const world = { ...worldOf(snapshot), log: new Log(), time: snapshot.at };
  // Of what was before it, the history tells.
  world.table.sample(true);
  world.log.add(events);
  return world;
}

async function read(path) {
  const response = await fetch(new URL(path, document.baseURI), { credentials: 'same-origin' }).catch(() => null);
  if (!response) throw new Error('The monitor cannot be reached.');
  const text = await response.text();
  if (!response.ok) throw new Error(refusal(response.status, text));
  return JSON.parse(text);
}

export class Travel {
  /**
   * @param {object} parts
   * @param {import('./store.js').Store} parts.store
   * @param {import('./router.js').Router} parts.router
   * @param {import('./alarms.js').Alarms} parts.alarms
   * @param {HTMLElement} parts.place the bar is put before it
   * @param {() => void} parts.onChange
   */
  constructor({ store, router, alarms, place, onChange }) {
    Object.assign(this, { store, router, alarms, onChange });
    /** The second that is shown or on its way, as it was asked for. @type {number | null} */
    this.asked = null;
    this.ticket = 0;
    this.bar = new TimeBar({ go: (ts) => this.go(ts), leave: () => this.leave(), step: (by) => this.step(by), now: () => this.#now() });
    place.before(this.bar.el);
    for (const kind of ['click', 'auxclick', 'contextmenu']) document.addEventListener(kind, (event) => this.#carry(event), true);
    setInterval(() => this.#draw(), 1000);
  }

  /** The clock of the server, also while another time is shown. */
  #now() {
    return this.store.now() + this.store.skew;
  }

  toggle() {
    if (this.store.past) return this.bar.focus();
    this.open = !this.open;
    this.problem = '';
    this.#draw();
    if (this.open) this.bar.focus();
  }

  /** Goes to a second: by the address, so that the back button undoes it. */
  go(ts) {
    this.router.set({ at: String(Math.round(ts)) }, { replace: this.store.past || this.asked !== null });
  }

  leave() {
    this.open = false;
    this.problem = '';
    this.router.set({ at: null });
    this.#draw();
  }

  /** A look of the monitor earlier (-1) or later (1). */
  step(by) {
    const { past, world, live } = this.store;
    if (!past && by > 0) return;
    const poll = world.meta?.pollMs ?? live.meta?.pollMs ?? 2000;
    if (!past) return this.go(this.#now() - poll);
    const later = Math.max(this.asked ?? 0, world.time) + poll;
    if (by < 0) this.go(world.time - 1);
    else if (later <= this.#now()) this.go(later);
  }

  /** Follows the address. @param {string | null} text */
  async follow(text) {
    if (text === null) return this.#home();
    const ts = Number(text);
    if (ts === this.asked) return;
    const ticket = ++this.ticket;
    if (!Number.isSafeInteger(ts) || ts <= 0) return this.#refused('The address names no second: at must be milliseconds since 1970.');
    this.asked = ts;
    this.busy = true;
    this.#draw();
    try {
      const [snapshot, events] = await Promise.all([read(`api/at?ts=${ts}`), read(`api/events?to=${ts + 1}&limit=${EVENTS}`)]);
      if (ticket === this.ticket) this.#arrived(snapshot, events);
    } catch (error) {
      if (ticket === this.ticket) this.#refused(error.message);
    }
  }

  #arrived(snapshot, events) {
    this.busy = false;
    this.problem = '';
    const world = pastWorld(snapshot, events);
    this.store.visit(world);
    this.onChange();
    // Lines of the time before it are an extra: without them there is a point.
    backfill(world.table, world.meta, world.time).then(() => this.store.world === world && this.store.visit(world), () => {});
    this.#draw();
  }

  /** Stays where we are, and says why. */
  #refused(why) {
    const { past, world } = this.store;
    this.busy = false;
    this.problem = why;
    this.open = true;
    this.asked = past ? world.time : null;
    if (!past) this.store.resume();
    this.router.set({ at: past ? String(world.time) : null }, { replace: true });
    this.onChange();
    this.#draw();
  }

  #home() {
    this.ticket++;
    this.asked = null;
    this.busy = false;
    if (this.store.past || this.store.held) this.store.resume();
    this.onChange();
    this.#draw();
  }

  /** Links inside the page lead to the same second. Only for as long as the browser reads the address: links stay as they were made. */
  #carry({ target }) {
    const link = this.router.at ? target.closest?.('a[href^="#/"]') : null;
    if (!link || parse(link.hash).params.has('at')) return;
    const before = link.getAttribute('href');
    const there = keepTo(before, this.router.at);
    link.setAttribute('href', there);
    setTimeout(() => link.getAttribute('href') === there && link.setAttribute('href', before));
  }

  #draw() {
    const { past, world } = this.store;
    const { asked, busy, problem } = this;
    this.bar.set({ open: past || Boolean(this.open) || Boolean(busy), past, time: past ? world.time : null, asked, busy, problem, poll: world.meta?.pollMs ?? 2000, kept: this.alarms.me?.history !== false });
  }
}
