/**
 * Which groups are collapsed, kept in the address: `closed=a,b`, or `closed=*&open=a,b`.
 *
 * A project may itself be named `*` or hold commas: names are encoded before they are joined.
 */

const pack = (names) => [...names].map(encodeURIComponent).join(',') || null;
const unpack = (text) => new Set((text ?? '').split(',').filter(Boolean).map(decodeURIComponent));
/** Not a name: encodeURIComponent leaves `*` alone, so a project named `*` is written `%2A`. */
const ALL = '*';

export class Folds {
  /** @param {import('../core/router.js').Router} router */
  constructor(router) {
    this.router = router;
    this.all = false;
    this.names = new Set();
  }

  /** @param {URLSearchParams} params */
  read(params) {
    this.all = params.get('closed') === ALL;
    try {
      this.names = unpack(this.all ? params.get('open') : params.get('closed'));
    } catch {
      this.names = new Set();
    }
  }

  closed(project) {
    return this.names.has(project) !== this.all;
  }

  toggle(project) {
    const names = new Set(this.names);
    if (!names.delete(project)) names.add(project);
    this.router.set(this.all ? { open: pack(names) } : { closed: escapeAll(pack(names)), open: null });
  }

  toggleAll() {
    this.router.set({ closed: this.all ? null : ALL, open: null });
  }
}

const escapeAll = (text) => (text === ALL ? '%2A' : text);
