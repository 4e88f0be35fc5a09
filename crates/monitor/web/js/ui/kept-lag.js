/**
 * The lag of one replica over a range that ends now, or at the second of the past that is shown.
 */
import { replicaName } from '../core/anon.js';
import { h, replace } from '../core/dom.js';
import { RANGES, known, readSeries } from '../core/series.js';
import { RangeChart } from './range-chart.js';

/** Between two questions, ms. */
const AGAIN = 10_000;

export class KeptLag {
  /** @param {import('../core/store.js').Store} store @param {{ project: string, replica: string, range: string, tolerance: number }} of */
  constructor(store, { project, replica, range, tolerance }) {
    Object.assign(this, { store, project, replica, tolerance });
    [, , this.span] = RANGES.find(([id]) => id === range);
    this.chart = new RangeChart();
    this.el = h('div', { class: 'body mid' }, 'Loading…');
    this.asked = -Infinity;
  }

  /** Asks again when what is shown may have grown, or is of another second. */
  async update() {
    const to = this.store.serverNow();
    const { past } = this.store;
    if (past ? to === this.end : performance.now() - this.asked < AGAIN) return;
    this.asked = performance.now();
    this.end = to;
    const { project, replica, tolerance } = this;
    const from = to - this.span;
    try {
      const { ts, width, of } = await readSeries({ project, replicas: [replica], metrics: ['lag_ms'], from, to });
      if (this.closed || this.end !== to) return;
      const lag = of(replica, 'lag_ms');
      if (!lag || ts.every((_, k) => known(lag, k) === null)) return this.#say('Nothing is kept of this time.');
      this.chart.set({ ts, width, from, to, lines: [{ name: replicaName(replica), lag, limit: tolerance }] });
      if (!this.chart.el.isConnected) replace(this.el, this.chart.el);
      this.el.className = '';
    } catch (error) {
      if (!this.closed) this.#say(error.message);
    }
  }

  #say(why) {
    this.el.className = 'body mid';
    replace(this.el, why);
  }

  close() {
    this.closed = true;
  }
}
