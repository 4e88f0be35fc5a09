/**
 * Screens whose file is loaded when somebody first opens them, so that the first screen need not wait for it.
 *
 * The table knows such a screen's name and place beforehand; until the file is here the screen says that it loads.
 */
import { h, replace } from '../core/dom.js';
import { emptyState } from '../ui/parts.js';

class Later {
  /** @param {() => Promise<any>} load @param {string} title @param {import('./index.js').Context} context */
  constructor(load, title, context) {
    Object.assign(this, { load, title, context });
    this.own = null;
    this.el = h('div', { class: 'stack' });
    this.#fetch();
  }

  async #fetch() {
    replace(this.el, h('div', { class: 'stack', 'aria-busy': 'true' }, h('h1', null, this.title), h('p', { class: 'mid' }, 'Loading…')));
    let own;
    try {
      own = (await this.load()).create(this.context);
    } catch {
      return this.#failed();
    }
    if (this.closed) return own.close?.();
    this.own = own;
    replace(this.el, own.el);
    if (this.at) own.route(this.at);
    const { world, held } = this.context.store;
    if (world.table && !held) own.update({ structure: true, rows: new Set(), rules: true, log: true, sample: true, tick: true }, world);
  }

  #failed() {
    replace(this.el, h('h1', null, this.title), h('section', { class: 'card' }, emptyState('warn', 'This screen could not be loaded',
      h('p', { class: 'mid' }, 'The monitor did not answer, or it was updated meanwhile.'),
      h('button', { class: 'btn primary', type: 'button', onclick: () => location.reload() }, 'Reload the page'))));
  }

  get list() {
    return this.own?.list;
  }

  route(route) {
    this.at = route;
    this.own?.route(route);
  }

  update(changes, world) {
    this.own?.update(changes, world);
  }

  close() {
    this.closed = true;
    this.own?.close?.();
  }
}

/**
 * A line of the table for a screen that is loaded later.
 * @param {any} about as a screen's default export, without `create`
 * @param {() => Promise<{ create: (context: import('./index.js').Context) => any }>} load
 */
export const onDemand = (about, load) => ({ ...about, create: (context) => new Later(load, about.title, context) });
