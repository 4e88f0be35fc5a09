/**
 * The page's side of the connection: puts messages in order and hands them to the store.
 *
 * It prefers the shared worker and falls back to an own stream where there is none. After
 * "reload" the row numbers of later messages belong to the next snapshot, so messages wait until it
 * is there. It decides nothing about what is shown.
 */
import { recentEvents } from './api.js';
import { Stream } from './stream.js';

const HUB = new URL('./hub.js', import.meta.url).href;
const HIDDEN_CLOSE = 30_000;
const WORKER_PATIENCE = 6000;
/** More waiting messages than this are not worth keeping: a new snapshot is cheaper. */
const MAX_PENDING = 2000;

/** The only address a script may be loaded from by code; HTML strings stay impossible. */
function trusted(url) {
  if (!globalThis.trustedTypes) return url;
  const policy = trustedTypes.createPolicy('hub', {
    createScriptURL(asked) {
      if (asked !== HUB) throw new TypeError('only the hub worker may be started');
      return asked;
    },
  });
  return policy.createScriptURL(url);
}

export class Link {
  /**
   * @param {import('./store.js').Store} store
   * @param {(link: import('./stream.js').LinkState) => void} onState
   * @param {(version: string) => void} onVersion
   */
  constructor(store, onState, onVersion) {
    Object.assign(this, { store, onState, onVersion });
    this.base = document.baseURI;
    /** True while messages wait for a snapshot. */
    this.awaiting = true;
    this.pending = [];
    this.snapshotSeq = -1;
    /** The snapshot must be at least this new. */
    this.needed = 0;
    this.wasLive = false;
  }

  start() {
    if (globalThis.SharedWorker) this.#shared();
    else this.#direct();
  }

  /** Asks for a snapshot; until it comes, messages wait. */
  want() {
    this.awaiting = true;
    this.ask('want');
  }

  retry() {
    this.ask('retry');
  }

  #shared() {
    let worker;
    try {
      worker = new SharedWorker(trusted(HUB), { type: 'module', name: 'replica-monitor' });
    } catch {
      this.#direct();
      return;
    }
    const { port } = worker;
    const lock = `replica-monitor-tab-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
    this.ask = (task, about) => port.postMessage([task, about]);
    const giveUp = () => {
      clearTimeout(patience);
      port.onmessage = null;
      this.ask('leave');
      this.#direct();
    };
    const patience = setTimeout(giveUp, WORKER_PATIENCE);
    worker.onerror = giveUp;
    port.onmessage = ({ data: [kind, body, seq] }) => {
      clearTimeout(patience);
      if (kind === 'link') this.#state(body);
      else this.receive(kind, body, seq);
    };
    const join = () => {
      this.ask('join', { base: this.base, lock });
      this.want();
    };
    // Held until this tab dies, however it dies. The hub waits for the same lock, so ours comes first.
    if (navigator.locks) navigator.locks.request(lock, () => (join(), new Promise(() => {})));
    else join();
    addEventListener('pagehide', () => this.ask('leave'));
    addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  }

  /** An own stream, closed while nobody looks so that hidden tabs hold no connection. */
  #direct() {
    const open = () => {
      this.stream = new Stream(this.base, (kind, text, seq) => this.receive(kind, text, seq), (link) => this.#state(link));
    };
    open();
    this.ask = async (task) => {
      if (task === 'retry') this.stream.retry();
      if (task !== 'want') return;
      const text = await this.stream.snapshot();
      if (text) this.receive('snapshot', text, null);
    };
    this.want();
    let timer;
    document.addEventListener('visibilitychange', () => {
      clearTimeout(timer);
      if (document.hidden) {
        timer = setTimeout(() => {
          this.stream.close();
          this.stream = null;
        }, HIDDEN_CLOSE);
      } else if (!this.stream) {
        open();
        this.want();
      }
    });
  }

  #state(link) {
    const live = link.state === 'live';
    this.store.linked = live || link.state === 'connecting';
    // What happened while the link was down is not in the stream of a restarted server.
    if (live && !this.wasLive) this.#history();
    this.wasLive = live;
    this.onState(link);
  }

  async #history() {
    try {
      this.store.log(await recentEvents(this.base));
    } catch {
      // The log stays as it is; the link reports its own troubles.
    }
  }

  /** @param {string} kind @param {string} text @param {number | null} seq */
  receive(kind, text, seq) {
    if (kind === 'snapshot') this.#snapshot(JSON.parse(text));
    else if (kind === 'reload') this.#reload(seq ?? 0);
    else if (kind === 'hello') this.onVersion(JSON.parse(text).version);
    else if (kind === 'ping') this.store.ping(JSON.parse(text).t);
    else if (!this.awaiting) this.#apply(kind, text, seq);
    else if (this.pending.push([kind, text, seq]) > MAX_PENDING) this.pending.splice(0, MAX_PENDING / 2);
  }

  #reload(seq) {
    this.needed = Math.max(this.needed, seq);
    this.want();
  }

  #snapshot(snapshot) {
    if (snapshot.seq < this.needed && snapshot.seq >= this.snapshotSeq) {
      // Taken just before the change it was asked for. (A lower number than before: another server, take it.)
      setTimeout(() => this.want(), 250);
      return;
    }
    this.needed = 0;
    this.snapshotSeq = snapshot.seq;
    this.store.load(snapshot);
    this.awaiting = false;
    for (const message of this.pending.splice(0)) this.#apply(...message);
  }

  /** Deltas that the snapshot already holds are let go; the log knows its events by number. */
  #apply(kind, text, seq) {
    if (kind === 'log' || seq > this.snapshotSeq) this.store[kind](JSON.parse(text));
  }
}
