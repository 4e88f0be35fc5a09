/**
 * The strips above every screen: link lost, source stalled, problems of the tree, nothing measured.
 *
 * Each says since when, what the data below is worth and what happens next. They change nothing.
 */
import { freeText } from '../core/anon.js';
import { h, icon, replace, setText, show } from '../core/dom.js';
import { clock, plural, rough } from '../core/fmt.js';
import { utc } from '../core/prefs.js';

/** Problems listed openly; more fold into a list. */
const OPEN = 2;

export class Banners {
  /** @param {() => void} retry */
  constructor(retry) {
    this.lost = this.#strip('bad', 'warn', h('button', { class: 'btn sm', type: 'button', onclick: retry }, 'Retry now'));
    this.stalled = this.#strip('warn', 'warn');
    this.problems = h('div', { class: 'stack tight', hidden: true });
    this.unmeasured = this.#strip('info', 'info');
    this.version = this.#strip('info', 'info', h('button', { class: 'btn sm', type: 'button', onclick: () => location.reload() }, 'Reload the page'));
    replace(this.version.title, 'The monitor was updated.');
    this.el = h('div', { class: 'banners' }, [this.lost, this.stalled].map((own) => own.el), this.problems, this.version.el, this.unmeasured.el);
    this.drawn = '';
  }

  #strip(tone, picture, ...buttons) {
    const title = h('b');
    const text = h('span');
    return { title, text, el: h('div', { class: `banner ${tone}`, hidden: true }, icon(picture, tone === 'info' ? 't-acc' : `t-${tone}`), h('span', { class: 'grow' }, title, ' ', text), buttons) };
  }

  /** @param {import('../core/stream.js').LinkState} link @param {import('../core/store.js').World} world */
  update(link, world, now, serverNow, past = false) {
    this.#lost(link, world, now, past);
    const { meta } = world;
    if (!meta) return;
    this.#stalled(meta.source, serverNow);
    this.#problems(meta.problems ?? []);
    const measures = meta.capabilities?.measuresLag !== false;
    show(this.unmeasured.el, !measures && world.table.size > 0);
    if (measures) return;
    const isTree = meta.source?.kind === 'tree file';
    setText(this.unmeasured.title, isTree ? 'Not connected: this shows what the tree file declares. Start with --live to ask the databases.' : 'This source declares replicas; nothing measures them yet.');
    setText(this.unmeasured.text, 'Unknown here means “not measured”, not “in trouble”.');
  }

  #lost(link, world, now, past) {
    const lost = link.state === 'lost';
    show(this.lost.el, lost);
    if (!lost) return;
    setText(this.lost.title, `Connection to the monitor lost ${rough(now - link.since)} ago.`);
    const asOf = past ? 'What is below was kept, and is as it was.' : world.time ? `Everything below is as of ${clock(world.time, utc())} and may be wrong.` : 'No data has arrived yet.';
    const next = link.retryAt > now ? `Retrying in ${rough(link.retryAt - now)}` : 'Retrying now';
    setText(this.lost.text, `${asOf} ${next} (attempt ${link.attempt}).`);
  }

  #stalled(source, now) {
    const since = source?.stalledSince ?? null;
    show(this.stalled.el, since !== null);
    if (since === null) return;
    setText(this.stalled.title, `The source stopped answering ${rough(Math.max(0, now - since))} ago.`);
    setText(this.stalled.text, `All data is as of ${clock(since, utc())}: it may look fine and be wrong.`);
  }

  #problems(problems) {
    const signature = JSON.stringify(problems) + freeText('');
    if (signature === this.drawn) return;
    this.drawn = signature;
    show(this.problems, problems.length > 0);
    if (problems.length <= OPEN) {
      replace(this.problems, problems.map((problem) => strip(problem)));
      return;
    }
    const worst = problems.some((problem) => problem.severity === 'error') ? 'bad' : 'warn';
    replace(this.problems, h('details', { class: `banner ${worst} list` },
      h('summary', null, icon('warn', `t-${worst}`), h('b', null, `${plural(problems.length, 'problem')} in what the source declares`), h('span', { class: 'mid' }, ` ${where(problems[0])}`)),
      h('ul', null, problems.map((problem) => h('li', null, sentence(problem))))));
  }
}

function strip(problem) {
  const tone = problem.severity === 'error' ? 'bad' : 'warn';
  return h('div', { class: `banner ${tone} problem` }, icon('warn', `t-${tone}`), h('span', { class: 'grow' }, sentence(problem)));
}

function where({ file, line, column }) {
  return [file, line && `line ${line}`, line && column && `column ${column}`].filter(Boolean).join(', ');
}

function sentence(problem) {
  const at = where(problem);
  const since = problem.since ? ` (since ${clock(problem.since, utc())})` : '';
  return [h('b', null, freeText(problem.message)), at ? h('span', { class: 'nowrap' }, ` ${at}`) : null, problem.path ? [' ', h('code', null, freeText(problem.path))] : null, h('span', { class: 'dim' }, since)].flat();
}
