/**
 * Order of messages: snapshot, deltas and reloads, however they overtake each other; and the stream
 * below it, which resumes and tells a lost link from a missing token.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Link } from '../../crates/monitor/web/js/core/link.js';
import { Stream, seqOf } from '../../crates/monitor/web/js/core/stream.js';

/** A link whose store writes down what it is told. */
function link() {
  globalThis.document = { baseURI: 'http://monitor.test/' };
  const told = [];
  const note = (kind) => (body) => told.push(`${kind} ${body.seq ?? body.t ?? body.map?.(({ seq }) => seq)}`);
  const store = { load: note('load'), delta: note('delta'), stats: note('stats'), log: note('log'), ping: (t) => told.push(`ping ${t}`) };
  const own = new Link(store, () => {}, (version) => told.push(`version ${version}`));
  let wanted = 0;
  own.ask = (task) => (wanted += task === 'want' ? 1 : 0);
  const say = (kind, body, seq = body.seq ?? null) => own.receive(kind, JSON.stringify(body), seq);
  return { told, say, wanted: () => wanted };
}

test('deltas wait for the snapshot; those it holds already are let go', () => {
  const { told, say } = link();
  say('delta', { seq: 4, r: [] });
  say('delta', { seq: 6, r: [] });
  say('log', [{ seq: 4 }], 4);
  assert.deepEqual(told, []);
  say('snapshot', { seq: 5 }, null);
  assert.deepEqual(told, ['load 5', 'delta 6', 'log 4']);
});

test('after a reload messages wait for a snapshot that is new enough', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { told, say, wanted } = link();
  say('snapshot', { seq: 5 });
  say('reload', { seq: 9 });
  assert.equal(wanted(), 1);
  say('delta', { seq: 10, r: [] });
  say('snapshot', { seq: 5 });
  say('snapshot', { seq: 7 });
  assert.deepEqual(told, ['load 5'], 'both were taken before the change');
  t.mock.timers.tick(250);
  assert.equal(wanted(), 3);
  say('snapshot', { seq: 9 });
  assert.deepEqual(told, ['load 5', 'load 9', 'delta 10']);
});

test('a snapshot of another server is taken whatever its number', () => {
  const { told, say } = link();
  say('snapshot', { seq: 500 });
  say('reload', { seq: 501 });
  say('snapshot', { seq: 3 });
  say('delta', { seq: 4, r: [] });
  assert.deepEqual(told, ['load 500', 'load 3', 'delta 4']);
});

test('pings and versions need no snapshot', () => {
  const { told, say } = link();
  say('ping', { t: 7 });
  say('hello', { seq: 1, t: 1, version: '2' });
  assert.deepEqual(told, ['ping 7', 'version 2']);
});

test('what nobody comes to fetch does not pile up', () => {
  const { told, say } = link();
  for (let seq = 1; seq <= 10_000; seq++) say('delta', { seq, r: [] });
  say('snapshot', { seq: 0 });
  assert.ok(told.length <= 2001, String(told.length));
  assert.equal(told.at(-1), 'delta 10000', 'the newest is kept');
});

/** Stands in for the network: what is answered to a fetch, and the streams that were opened. */
function network(t, answer) {
  const opened = [];
  class FakeEventSource extends EventTarget {
    constructor(url) {
      super();
      this.url = String(url);
      opened.push(this);
    }

    close() {
      this.closed = true;
    }

    say(kind, data, lastEventId = '') {
      this.dispatchEvent(Object.assign(new Event(kind), { data: JSON.stringify(data), lastEventId }));
    }
  }
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  t.mock.method(globalThis, 'fetch', async () => answer());
  globalThis.EventSource = FakeEventSource;
  t.after(() => delete globalThis.EventSource);
  const states = [];
  const messages = [];
  const stream = new Stream('http://monitor.test/deep/', (...message) => messages.push(message), ({ state }) => states.push(state));
  t.after(() => stream.close());
  return { stream, opened, states, messages };
}

const ok = (seq) => () => new Response(`{"seq":${seq}}`);
/** Lets everything happen that waits for nothing. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('the stream goes on where the snapshot ends, below the path of the page', async (t) => {
  const { stream, opened, states, messages } = network(t, ok(12));
  await stream.snapshot();
  assert.equal(opened[0].url, 'http://monitor.test/deep/api/live?after=12');
  opened[0].say('hello', { seq: 12 });
  assert.deepEqual(states, ['live']);
  opened[0].say('delta', { seq: 14 }, '14');
  opened[0].say('ping', { t: 1 }, '14');
  assert.deepEqual(messages.map(([kind, , seq]) => [kind, seq]), [['hello', null], ['delta', 14], ['ping', null]]);
});

test('silence is a lost link; the next try resumes after the last word', async (t) => {
  const { stream, opened, states } = network(t, ok(12));
  await stream.snapshot();
  opened[0].say('delta', {}, '20');
  t.mock.timers.tick(14_001);
  assert.equal(states.at(-1), 'lost');
  assert.equal(opened[0].closed, true);
  t.mock.timers.tick(700);
  await settle();
  assert.equal(opened[1].url, 'http://monitor.test/deep/api/live?after=20');
  opened[1].say('hello', {});
  assert.equal(states.at(-1), 'live');
});

test('a server that is gone is tried again with growing pauses', async (t) => {
  t.mock.method(Math, 'random', () => 0.5);
  const { stream } = network(t, () => Promise.reject(new TypeError('refused')));
  const pauses = [];
  await stream.snapshot();
  for (let k = 0; k < 7; k++) {
    pauses.push(stream.link.retryAt - Date.now());
    t.mock.timers.tick(pauses.at(-1));
    await settle();
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(stream.link.attempt, 8);
});

test('a missing token is not a lost link and is not tried again', async (t) => {
  const { stream, states } = network(t, () => new Response('unauthorized', { status: 401 }));
  assert.equal(await stream.snapshot(), null);
  t.mock.timers.tick(60_000);
  await settle();
  assert.deepEqual(states, ['signed-out']);
  assert.equal(fetch.mock.callCount(), 1);
});

test('everybody who asks while a snapshot is on its way gets the same', async (t) => {
  const { stream } = network(t, ok(1));
  await Promise.all([stream.snapshot(), stream.snapshot(), stream.snapshot()]);
  assert.equal(fetch.mock.callCount(), 1);
});

test('the number of a snapshot is found without reading all of it', () => {
  assert.equal(seqOf('{"seq":7,"broken'), 7);
  assert.equal(seqOf('{"version":"1","seq":8}'), 8);
});
