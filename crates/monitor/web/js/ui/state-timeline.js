/**
 * The states of a few replicas over time, a strip each: height and colour both tell how bad it was.
 *
 * Hatched is unknown, empty is where nobody looked.
 */
import { h, replace, s } from '../core/dom.js';
import { dateTime, duration, plural } from '../core/fmt.js';
import { utc } from '../core/prefs.js';
import { worst } from '../core/series.js';
import { DOWN, LAGGING, STATES, UNKNOWN } from '../core/states.js';

const WIDTH = 900;
const HEIGHT = 22;
/** How tall each state is. */
const TALL = { [DOWN]: 22, [LAGGING]: 16 };

export class StateTimeline {
  constructor() {
    this.el = h('div', { class: 'body strips' });
  }

  /** @param {{ ts: number[], width: number, from: number, to: number, strips: { name: string, address: string, state: any, lag: any, tolerance: number }[] }} shown */
  set({ ts, width, from, to, strips }) {
    const x = (at) => Math.round(((Math.min(to, Math.max(from, at)) - from) / (to - from)) * WIDTH * 10) / 10;
    replace(this.el, ...strips.map(({ name, address, state, lag, tolerance }) => {
      const runs = runsOf(ts.map((_, k) => worst(state, lag, k, tolerance)));
      const rects = runs.filter(({ shown }) => shown !== null).map(({ shown, first, last }) => {
        const tall = TALL[shown] ?? 10;
        const left = x(ts[first]);
        const right = x(ts[last] + width);
        return s('rect', { class: `r-${STATES[shown].id}`, x: left, width: Math.max(1, right - left), y: (HEIGHT - tall) / 2, height: tall }, s('title', null, `${STATES[shown].word} from ${dateTime(ts[first], utc()).slice(0, 19)}, ${duration((last - first + 1) * width)}`));
      });
      return h('div', { class: 'strip' }, h('a', { class: 'sm trunc', href: address }, name), s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': stripWords(name, runs, width) }, rects));
    }));
  }
}

/** Buckets in a row that are the same. @param {(number | null)[]} states */
export function runsOf(states) {
  const runs = [];
  states.forEach((shown, k) => {
    const run = runs.at(-1);
    if (run && run.shown === shown) run.last = k;
    else runs.push({ shown, first: k, last: k });
  });
  return runs;
}

/** How long each state was shown. */
export function stripWords(name, runs, width) {
  const lasted = new Map();
  for (const { shown, first, last } of runs) lasted.set(shown, (lasted.get(shown) ?? 0) + last - first + 1);
  const told = [...lasted].sort(([one], [other]) => (one ?? 9) - (other ?? 9)).map(([shown, count]) => `${shown === null ? 'nobody looked' : STATES[shown].word.toLowerCase()} for ${duration(count * width)}`);
  const bad = runs.filter(({ shown }) => shown === DOWN || shown === LAGGING || shown === UNKNOWN).length;
  return `${name}: ${told.join(', ') || 'nothing is kept'}${bad ? `; ${plural(bad, 'stretch', 'stretches')} to look at` : ''}.`;
}
