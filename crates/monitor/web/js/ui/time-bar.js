/**
 * The strip by which a reader goes to a second of the past, and which says so for as long as it is shown.
 *
 * It knows words and controls; what is shown it does not touch.
 */
import { h, icon, setAttr, setClass, setText, show } from '../core/dom.js';
import { dateTime, rough } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { copyButton, select } from './parts.js';

const SPANS = [['600000', '10 minutes'], ['3600000', 'hour'], ['21600000', '6 hours'], ['86400000', '24 hours'], ['604800000', '7 days']];
/** How much older than the second asked for a look may be before that is said, in looks. */
const STALE = 3;

/** A moment as the browser's own field writes it, in the time zone that the page shows. */
export const fieldText = (ts, inUtc) => dateTime(ts, inUtc).slice(0, 19).replace(' ', 'T');
/** And back; NaN for what is no time. */
export const fieldTime = (text, inUtc) => Date.parse(inUtc ? `${text}Z` : text);

export class TimeBar {
  /** @param {{ go: (ts: number) => void, leave: () => void, step: (by: number) => void, now: () => number }} actions */
  constructor({ go, leave, step, now }) {
    Object.assign(this, { now, go });
    /** Whether a second that was dragged to is on its way: the next one waits for it. */
    this.sent = false;
    this.span = Number(SPANS[1][0]);
    const button = (word, act, more) => h('button', { class: 'btn sm', type: 'button', onclick: act, ...more }, word);
    this.title = h('b');
    this.text = h('span');
    this.problem = h('p', { class: 'sm' });
    this.slider = h('input', { type: 'range', 'aria-label': 'The second that is shown', oninput: () => this.#dragged(), onchange: () => go(Number(this.slider.value)) });
    // Dragged back to where it was, it tells of no change.
    for (const kind of ['change', 'pointerup', 'blur']) this.slider.addEventListener(kind, () => (this.dragging = false));
    this.field = h('input', { type: 'datetime-local', step: '1', 'aria-label': 'Date and time to go to' });
    this.zone = h('span', { class: 'xs' });
    this.spans = select('Last', (value) => {
      this.span = Number(value);
      this.#range();
    });
    this.spans.set(SPANS, String(this.span));
    this.back = button('◀ Earlier', () => step(-1), { title: 'One look of the monitor earlier (,)', 'aria-keyshortcuts': ',' });
    this.on = button('Later ▶', () => step(1), { title: 'One look of the monitor later (.)', 'aria-keyshortcuts': '.' });
    this.leave = button('Back to now', leave, { class: 'btn sm primary' });
    this.link = copyButton('Copy link', () => location.href);
    const whenever = h('form', {
      class: 'row',
      onsubmit: (event) => {
        event.preventDefault();
        const ts = fieldTime(this.field.value, utc());
        if (!Number.isNaN(ts)) go(ts);
      },
    }, h('label', { class: 'field' }, 'Second ', this.field), this.zone, h('button', { class: 'btn sm', type: 'submit' }, 'Go'));
    this.controls = h('div', { class: 'row' }, this.back, this.slider, this.on, this.spans.el, whenever);
    this.el = h('section', { class: 'timebar', 'aria-label': 'Time', hidden: true },
      h('div', { class: 'row' }, h('span', { class: 'grow', role: 'status' }, icon('clock', 't-pause'), ' ', this.title, ' ', this.text), this.link, this.leave), this.problem, this.controls);
  }

  /** @param {{ open: boolean, past: boolean, time: number | null, asked: number | null, busy: boolean, problem: string, poll: number, kept: boolean }} state */
  set({ open, past, time, asked, busy, problem, poll, kept }) {
    show(this.el, open);
    document.documentElement.classList.toggle('past', past);
    if (!open) return;
    this.time = time;
    if (!busy) this.sent = false;
    setClass(this.el, `timebar ${past ? 'past' : ''}`.trim());
    setText(this.title, past ? `You are looking at ${dateTime(time, utc())}, not at now.` : busy ? `Going to ${dateTime(asked, utc())}.` : kept ? 'This is now. Choose a second of the past to look at.' : 'No history is kept, so there is no past to look at.');
    setText(this.text, busy ? 'Asking the monitor…' : past ? this.#note(time, asked, poll) : kept ? '' : 'Start with --live, or name a file with --history.');
    setText(this.problem, problem ? `${past ? 'Still here' : 'Still live'}: ${problem}` : '');
    show(this.problem, problem !== '');
    show(this.controls, kept || past);
    show(this.link, past);
    setText(this.leave, past ? 'Back to now' : 'Close');
    this.on.disabled = !past || Math.max(time, asked ?? 0) + poll > this.now();
    setText(this.zone, utc() ? 'UTC' : 'local time');
    setAttr(this.slider, 'step', poll);
    if (document.activeElement !== this.field) this.field.value = fieldText(time ?? this.now(), utc());
    this.#range();
  }

  /** How long ago; and, where nothing was looked at just then, that it is older. */
  #note(time, asked, poll) {
    const ago = `${rough(this.now() - time)} ago.`;
    if (asked - time <= STALE * poll) return ago;
    return `${ago} You asked for ${dateTime(asked, utc())}: nothing was kept between the two.`;
  }

  /** The slider ends at now, and reaches back so far that it holds what is shown. */
  #range() {
    if (this.dragging) return;
    const now = this.now();
    while (this.time && this.time < now - this.span && this.span < Number(SPANS.at(-1)[0])) {
      this.span = Number(SPANS[SPANS.findIndex(([ms]) => Number(ms) === this.span) + 1][0]);
    }
    this.spans.set(SPANS, String(this.span));
    setAttr(this.slider, 'min', Math.round(now - this.span));
    setAttr(this.slider, 'max', Math.round(now));
    this.slider.value = String(this.time ?? now);
    this.#words();
  }

  #words() {
    setAttr(this.slider, 'aria-valuetext', dateTime(Number(this.slider.value), utc()));
  }

  /** While it is dragged the screens follow, as fast as the monitor answers. */
  #dragged() {
    this.dragging = true;
    const ts = Number(this.slider.value);
    this.field.value = fieldText(ts, utc());
    this.#words();
    if (this.sent) return;
    this.sent = true;
    this.go(ts);
  }

  focus() {
    (this.controls.hidden ? this.leave : this.slider).focus();
  }
}
