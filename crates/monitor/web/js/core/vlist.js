/**
 * A list that keeps only the rows near the screen in the document.
 *
 * The page itself scrolls. Rows stand at computed offsets, so a row that has the focus can stay in
 * the document while it is out of sight. Heights are known beforehand (the style sheet fixes them),
 * which is what makes a list of a hundred thousand rows as cheap as one of twenty. It does not know
 * what a row shows.
 */
/** Rows beyond each edge of the screen: a wheel notch must not show a blank. */
const OVERSCAN = 6;
/** Rows put on paper; more would freeze the browser and help nobody. */
const PRINTED = 400;

/**
 * @typedef {object} Rows
 * @property {() => number} count
 * @property {(i: number) => number} height px
 * @property {(i: number) => string | number} key stays with its row when rows move
 * @property {(i: number, node: HTMLElement | null) => HTMLElement} render draws into `node` or makes a new one;
 *   `node` last showed a row of the same `kind`
 * @property {(i: number) => string} [kind] rows of one kind can reuse each other's nodes
 */

/** Offsets of all rows and, at the end, the whole height. */
export function offsets(count, height) {
  const out = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) out[i + 1] = out[i] + height(i);
  return out;
}

/** The last row that begins at or above `y`. */
export function rowAt(tops, y) {
  let low = 0;
  let high = tops.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle] <= y) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

export class VList {
  /** @param {HTMLElement} host @param {Rows} rows */
  constructor(host, rows) {
    Object.assign(this, { host, rows });
    host.classList.add('vl');
    /** @type {Map<string | number, { node: HTMLElement, kind: string, at: number }>} */
    this.mounted = new Map();
    this.tops = new Float64Array(1);
    this.from = 0;
    this.to = 0;
    this.printing = false;
    this.wake = new AbortController();
    const { signal } = this.wake;
    addEventListener('scroll', () => this.#soon(), { passive: true, signal });
    addEventListener('resize', () => this.#soon(), { signal });
    matchMedia('print').addEventListener('change', ({ matches }) => this.#print(matches), { signal });
    this.printing = matchMedia('print').matches;
  }

  /** Rows came, went, moved or changed height. */
  layout() {
    this.tops = offsets(this.rows.count(), this.rows.height);
    this.host.style.height = `${this.tops.at(-1)}px`;
    this.draw();
  }

  /** Draws the rows near the screen. */
  draw() {
    if (!this.host.isConnected) return;
    const [from, to] = this.#window();
    [this.from, this.to] = [from, to];
    const active = this.host.contains(document.activeElement) ? document.activeElement : null;
    const wanted = new Map();
    for (let i = from; i < to; i++) wanted.set(this.rows.key(i), i);
    const free = this.#release(wanted, active);
    for (const [key, i] of wanted) this.#place(key, i, free);
    for (const { node } of free) node.remove();
    this.#order(active);
  }

  /** Draws again the mounted rows that `changed` picks, in place. */
  refresh(changed = () => true) {
    for (const { node, at } of this.mounted.values()) if (changed(at)) this.rows.render(at, node);
  }

  /** Brings a row into view and returns its node. */
  reveal(i) {
    const box = this.host.getBoundingClientRect();
    const top = box.top + this.tops[i];
    const bottom = box.top + this.tops[i + 1];
    if (top < 120) scrollBy(0, top - 120);
    else if (bottom > innerHeight - 90) scrollBy(0, bottom - innerHeight + 90);
    this.draw();
    return this.mounted.get(this.rows.key(i))?.node ?? null;
  }

  /** Position of the row that holds the focus, or -1. */
  focused() {
    for (const { node, at } of this.mounted.values()) if (node.contains(document.activeElement)) return at;
    return -1;
  }

  /** The first row that is fully on screen. */
  firstSeen() {
    return rowAt(this.tops, Math.max(0, 100 - this.host.getBoundingClientRect().top));
  }

  close() {
    this.wake.abort();
  }

  #soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  #print(printing) {
    this.printing = printing;
    const shown = Math.min(PRINTED, this.rows.count());
    this.host.style.height = `${this.tops[printing ? shown : this.tops.length - 1]}px`;
    this.draw();
  }

  #window() {
    const count = this.rows.count();
    if (count === 0) return [0, 0];
    if (this.printing) return [0, Math.min(count, PRINTED)];
    const top = -this.host.getBoundingClientRect().top;
    const first = rowAt(this.tops, Math.max(0, top));
    const last = rowAt(this.tops, Math.max(0, top + innerHeight));
    return [Math.max(0, first - OVERSCAN), Math.min(count, last + 1 + OVERSCAN)];
  }

  #kind(i) {
    return this.rows.kind?.(i) ?? '';
  }

  /** Takes unwanted rows, and those that became another kind, out of service, but never the one that has the focus. */
  #release(wanted, active) {
    const free = [];
    for (const [key, row] of this.mounted) {
      const at = wanted.get(key) ?? (active && row.node.contains(active) ? row.at : -1);
      const stays = at >= 0 && at < this.rows.count() && this.rows.key(at) === key && this.#kind(at) === row.kind;
      if (stays) continue;
      this.mounted.delete(key);
      free.push(row);
    }
    return free;
  }

  #place(key, i, free) {
    const kind = this.#kind(i);
    let row = this.mounted.get(key);
    if (!row) {
      const at = free.findIndex((candidate) => candidate.kind === kind);
      row = { node: at < 0 ? null : free.splice(at, 1)[0].node, kind, at: i };
      this.mounted.set(key, row);
    }
    row.at = i;
    row.node = this.rows.render(i, row.node);
    const offset = `${this.tops[i]}px`;
    if (row.node.style.top !== offset) row.node.style.top = offset;
  }

  /** Keeps the reading order of the document equal to the order on screen. */
  #order(active) {
    const rows = [...this.mounted.values()].sort((a, b) => a.at - b.at);
    let next = this.host.firstElementChild;
    for (const { node } of rows) {
      if (node === next) next = next.nextElementSibling;
      else this.host.insertBefore(node, next);
    }
    // Moving a node drops its focus.
    if (active && document.activeElement !== active && this.host.contains(active)) active.focus({ preventScroll: true });
  }
}
