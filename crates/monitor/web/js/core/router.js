/**
 * The address bar: which screen, which thing, and how it is filtered.
 *
 * Everything lives in the hash, so the page works under any path prefix and the server needs no
 * fallback route. Names are arbitrary data (slashes, quotes, `__proto__`), so each is one encoded
 * segment and nothing is ever looked up as an object key. This file does not know the screens.
 */

/**
 * @typedef {object} Route
 * @property {string[]} path decoded segments, at least one
 * @property {URLSearchParams} params
 */

const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text);
const encode = (segment) => encodeURIComponent(wellFormed(String(segment)));

/** A hand-edited address may hold a broken escape: then the text itself is the name. */
function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * @param {string} hash with or without `#`
 * @returns {Route}
 */
export function parse(hash) {
  const text = hash.replace(/^#?\/?/, '');
  const cut = text.indexOf('?');
  const path = cut < 0 ? text : text.slice(0, cut);
  return {
    path: path.split('/').map(decode),
    params: new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1)),
  };
}

/**
 * The address of a screen: `href(['replicas', project, name], { q: 'eu' })`.
 * @param {string[]} path
 * @param {URLSearchParams | Record<string, string | null | undefined>} [params] empty values are left out
 */
export function href(path, params) {
  const search = new URLSearchParams();
  const entries = params instanceof URLSearchParams ? params : Object.entries(params ?? {});
  for (const [name, value] of entries) if (value) search.set(name, wellFormed(String(value)));
  const query = search.toString();
  return `#/${path.map(encode).join('/')}${query ? `?${query}` : ''}`;
}

/** An address that keeps to the second `at`, unless it names one itself. */
export function keepTo(address, at) {
  const { path, params } = parse(address);
  if (at && !params.has('at')) params.set('at', at);
  return href(path, params);
}

export class Router {
  /** @param {(route: Route, fresh: boolean) => void} onRoute `fresh` is false when only parameters changed */
  constructor(onRoute) {
    this.onRoute = onRoute;
    this.route = parse(location.hash);
  }

  start() {
    addEventListener('hashchange', () => this.read());
    this.onRoute(this.route, true);
  }

  read() {
    const before = href(this.route.path);
    this.route = parse(location.hash);
    this.onRoute(this.route, before !== href(this.route.path));
  }

  /** The second that the address names, if any. */
  get at() {
    return this.route.params.get('at');
  }

  /** Goes to another address, with a history entry; in the past it stays at that second. */
  go(address) {
    const to = keepTo(address, this.at);
    if (location.hash !== to) location.hash = to;
  }

  /**
   * Changes parameters of the current screen. Typing replaces the entry, choosing adds one.
   * @param {Record<string, string | null>} patch null removes
   * @param {{ replace?: boolean }} [how]
   */
  set(patch, { replace = false } = {}) {
    const params = new URLSearchParams(this.route.params);
    for (const [name, value] of Object.entries(patch)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    const address = href(this.route.path, params);
    if (address === location.hash) return;
    if (replace) {
      history.replaceState(history.state, '', address);
      this.read();
    } else {
      location.hash = address;
    }
  }
}

/** Removes `token` from the address bar and the history: it is a secret and has done its work. */
export function dropToken() {
  const url = new URL(location.href);
  if (!url.searchParams.has('token')) return;
  url.searchParams.delete('token');
  history.replaceState(history.state, '', url);
}
