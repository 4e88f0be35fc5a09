/**
 * The little line of the last lags, and the maths of it.
 *
 * An unknown point is a gap, never a zero and never bridged: gaps are hatched. Where nobody looked it is
 * left blank. Decorative: the number stands beside it.
 */
import { s, setAttr } from '../core/dom.js';
import { BLANK, HISTORY } from '../core/table.js';

const round = (n) => Math.round(n * 10) / 10;

/**
 * @param {ArrayLike<number>} points oldest first, NaN is unknown
 * @param {{ width: number, height: number, limit: number }} box
 * @returns {{ line: string, gaps: string, limitY: number, last: [number, number] | null, top: number }}
 */
export function sparkPath(points, { width, height, limit }) {
  const step = width / (points.length - 1);
  let most = limit;
  for (let k = 0; k < points.length; k++) if (points[k] > most) most = points[k];
  const top = most * 1.15 || 1;
  const y = (value) => round(height - 2 - (value / top) * (height - 4));
  let line = '';
  let gaps = '';
  const has = (k) => points[k] >= 0;
  for (let k = 0; k < points.length; k++) {
    if (points[k] === BLANK) continue;
    const x = round(k * step);
    if (Number.isNaN(points[k])) {
      const from = Math.max(0, x - step / 2);
      const to = Math.min(width, x + step / 2);
      gaps += `M${round(from)} 1H${round(to)}V${height - 1}H${round(from)}z`;
    } else {
      const joined = has(k - 1);
      const alone = !joined && !has(k + 1);
      // A lone point between gaps needs some length to be seen.
      line += `${joined ? 'L' : 'M'}${x} ${y(points[k])}${alone ? 'h1' : ''}`;
    }
  }
  const end = points[points.length - 1];
  return { line, gaps, limitY: y(limit), last: end >= 0 ? [width, y(end)] : null, top };
}

const WIDTH = 112;
const HEIGHT = 26;
const scratch = new Float32Array(HISTORY);

/** A sparkline that can be drawn again for another row. */
export function spark() {
  const gap = s('path', { class: 'gap' });
  const lim = s('line', { class: 'lim', x1: 0, x2: WIDTH });
  const line = s('path');
  const dot = s('circle', { r: 2.2 });
  const el = s('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, gap, lim, line, dot);
  return {
    el,
    /** @param {import('../core/table.js').Table} table @param {number} i */
    set(table, i) {
      const shape = sparkPath(table.points(i, scratch), {
        width: WIDTH,
        height: HEIGHT,
        limit: table.tolerance[i],
      });
      setAttr(gap, 'd', shape.gaps || null);
      setAttr(line, 'd', shape.line || null);
      setAttr(lim, 'y1', shape.limitY);
      setAttr(lim, 'y2', shape.limitY);
      setAttr(dot, 'visibility', shape.last ? null : 'hidden');
      if (shape.last) {
        setAttr(dot, 'cx', shape.last[0]);
        setAttr(dot, 'cy', shape.last[1]);
      }
    },
  };
}
