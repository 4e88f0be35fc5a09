/**
 * The SharedWorker that owns the one connection of this browser; every tab listens through it.
 *
 * Browsers allow six connections per host over HTTP/1.1, so a stream per tab would hang the seventh
 * tab. The hub forwards and keeps no data besides the link state. Each tab has a port; a tab that
 * crashed is noticed through the lock it held.
 */
import { Stream } from './stream.js';

/** @type {Set<MessagePort>} */
const ports = new Set();
/** @type {Stream | null} */
let stream = null;

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function start(base) {
  stream = new Stream(
    base,
    (kind, text, seq) => tell([kind, text, seq]),
    (link) => tell(['link', link]),
  );
}

function leave(port) {
  ports.delete(port);
  port.close();
  if (ports.size > 0) return;
  stream?.close();
  stream = null;
}

const tasks = {
  /** @param {{ base: string, lock: string }} about */
  join(port, { base, lock }) {
    if (!stream) start(base);
    ports.add(port);
    port.postMessage(['link', stream.link]);
    navigator.locks?.request(lock, () => leave(port));
  },
  async want(port) {
    const text = await stream?.snapshot();
    if (text) port.postMessage(['snapshot', text, null]);
  },
  retry: () => stream?.retry(),
  leave,
};

globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data: [task, about] }) => tasks[task](port, about);
};
