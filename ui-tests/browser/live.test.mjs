/**
 * Following the monitor: many tabs, lost links, changed trees, tokens, browsers without shared
 * workers; and what the original page showed, all of it still there.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE, browser, closeAll, fleet, folder, go, live, monitor, open, shows } from './support.mjs';

let context;
before(async () => (context = await browser()));
after(closeAll);

const TREE = { replicas: { shop: { master: { role: 'master', dialect: 'postgres', uri: 'postgres://h/d' }, 'slave-1': { role: 'slave', dialect: 'postgres', uri: 'postgres://h/d' } } } };

/** A tree file, and a way to write it again. */
function tree(content) {
  const path = join(folder(), 'tree.json');
  const write = (next) => writeFileSync(path, typeof next === 'string' ? next : JSON.stringify(next));
  if (content !== undefined) write(content);
  return { path, write };
}

/** Waits until something in the list is drawn anew. */
async function moves(page, selector = '.vl') {
  const before = await page.textContent(selector);
  await page.waitForFunction(([own, text]) => document.querySelector(own).textContent !== text, [selector, before]);
}

test('eight tabs of one host are live and stay it', async () => {
  const app = await fleet({ replicas: 40, change: 40, every: 300 });
  const pages = [];
  for (let k = 0; k < 8; k++) pages.push(await open(context, `${app.url}#/replicas`));
  await Promise.all(pages.map((page) => moves(page)));
  for (const page of pages.slice(0, 7)) await page.close();
  await moves(pages[7]);
  assert.equal(await pages[7].textContent('#live-word'), 'Live');
  assert.deepEqual(pages[7].wrong, []);
  await pages[7].close();
  await app.stop();
});

test('a dead server is shown, and the page recovers when it is back on its port', async () => {
  const options = { replicas: 30, change: 30, every: 300 };
  const app = await fleet(options);
  const page = await open(context, `${app.url}#/replicas`);
  await app.stop();
  await shows(page, '#live-word', 'Disconnected');
  await shows(page, '.banner', /lost .*as of \d\d:\d\d:\d\d and may be wrong.*attempt \d/);
  assert.match(await page.title(), /^Disconnected/);
  assert.ok(await page.evaluate(() => document.getElementById('screen').classList.contains('stale')));
  await page.waitForFunction(() => document.getElementById('urgent').textContent.includes('lost'));
  assert.ok(await page.evaluate(() => document.querySelectorAll('.vl > *').length > 5), 'the last data stays');
  const back = await fleet({ ...options, replicas: 31, port: app.port });
  await page.getByRole('button', { name: 'Retry now' }).click();
  await shows(page, '#live-word', 'Live');
  await shows(page, '.head', '31 shown of 31');
  await moves(page);
  assert.ok(await page.evaluate(() => !document.querySelector('.banner.bad').checkVisibility()));
  await page.close();
  await back.stop();
});

test('the page comes back by itself, and its log holds what both servers told', async () => {
  const app = await fleet({ replicas: 3 });
  const page = await open(context, `${app.url}#/activity`);
  await shows(page, '.dt', 'this monitor');
  const before = await page.locator('.ar').count();
  await app.stop();
  await shows(page, '#live-word', 'Disconnected');
  const back = await fleet({ replicas: 3, port: app.port });
  await live(page);
  await page.waitForFunction((count) => document.querySelectorAll('.ar').length > count, before);
  await page.close();
  await back.stop();
});

test('without a shared worker the page follows over a connection of its own', async () => {
  const app = await fleet({ replicas: 30, change: 30, every: 300 });
  const page = await open(context, `${app.url}#/replicas`, { prepare: () => delete globalThis.SharedWorker });
  await moves(page);
  await go(page, '#/settings');
  await shows(page, '#screen', 'one per tab');
  await app.stop();
  await shows(page, '#live-word', 'Disconnected');
  const back = await fleet({ replicas: 30, port: app.port });
  await live(page);
  await page.close();
  await back.stop();
});

test('a shared worker that does not start is no reason to fail', async () => {
  const app = await fleet({ replicas: 30, change: 30, every: 300 });
  const page = await open(context, `${app.url}#/replicas`, { prepare: () => (globalThis.SharedWorker = class { constructor() { throw new Error('not here'); } }) });
  await moves(page);
  await page.close();
  await app.stop();
});

test('a token in the address becomes a cookie and leaves the address', async () => {
  const own = await browser();
  const app = await fleet({ replicas: 10, token: 's3cret' });
  const page = await open(own, `${app.url}?token=s3cret#/replicas?sort=name`);
  assert.equal(page.url(), `${app.url}#/replicas?sort=name`);
  const [cookie] = await own.cookies(app.url);
  assert.deepEqual({ httpOnly: cookie.httpOnly, sameSite: cookie.sameSite }, { httpOnly: true, sameSite: 'Strict' });
  assert.ok(!cookie.value.includes('s3cret'));
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.reload();
  await live(page);
  const second = await open(own, app.url);
  assert.deepEqual([...page.wrong, ...second.wrong], []);
  await own.close();
  await app.stop();
});

test('without a token nothing is shown but what to do', async () => {
  const own = await browser();
  const app = await fleet({ replicas: 10, token: 's3cret' });
  for (const query of ['', '?token=wrong']) {
    const page = await own.newPage();
    const answer = await page.goto(app.url + query);
    assert.equal(answer.status(), 401);
    await shows(page, 'body', /needs a token.*\?token=/);
    assert.deepEqual(await own.cookies(app.url), []);
    await page.close();
  }
  await own.close();
  await app.stop();
});

test('a token that is taken away signs the open page out', async () => {
  const own = await browser();
  const app = await fleet({ replicas: 10, token: 'first' });
  const page = await open(own, `${app.url}?token=first`);
  await app.stop();
  const other = await fleet({ replicas: 10, token: 'second', port: app.port });
  await shows(page, 'main', 'Signed out');
  await shows(page, 'main', /needs a token.*\?token=/);
  assert.ok(await page.evaluate(() => !document.getElementById('screen').checkVisibility()));
  await page.goto(`${other.url}?token=second`);
  await live(page);
  await own.close();
  await other.stop();
});

test('a broken tree keeps the last good one and says where it is broken, until it is mended', async () => {
  const { path, write } = tree(TREE);
  const app = await monitor(path);
  const page = await open(context, `${app.url}#/replicas`);
  await shows(page, '.vl', 'slave-1');
  write('{"replicas": {"shop": \n  oops }}');
  await shows(page, '.banner.problem', /line 2/);
  await shows(page, '.vl', 'slave-1');
  write({ replicas: { shop: { ...TREE.replicas.shop, 'slave-2': TREE.replicas.shop['slave-1'] } } });
  await shows(page, '.vl', 'slave-2');
  await page.waitForFunction(() => document.querySelectorAll('.banner.problem').length === 0);
  await go(page, '#/activity');
  await shows(page, '.dt', 'slave-2');
  await page.close();
  await app.stop();
});

test('a tree file that goes away is a problem, not an empty fleet', async () => {
  const { path, write } = tree(TREE);
  const app = await monitor(path);
  const page = await open(context, `${app.url}#/replicas`);
  rmSync(path);
  await shows(page, '.banners', /tree|file/i);
  await shows(page, '.vl', 'slave-1');
  write(TREE);
  await page.waitForFunction(() => ![...document.querySelectorAll('.banner.problem, .banner.bad, .banner.warn')].some((el) => el.checkVisibility()));
  await page.close();
  await app.stop();
});

test('the first run shows the first steps; the first replica replaces them', async () => {
  const { path, write } = tree('{}');
  const app = await monitor(path);
  const page = await open(context, app.url);
  for (const screen of ['overview', 'replicas', 'topology']) {
    await go(page, `#/${screen}`);
    await shows(page, '#screen', 'No replicas yet');
  }
  await go(page, '#/replicas');
  write(TREE);
  await shows(page, '.head', '2 shown of 2');
  assert.ok(!(await page.textContent('#screen')).includes('No replicas yet'));
  await go(page, '#/overview');
  await shows(page, '.tiles', 'Unknown');
  await shows(page, '.banner', 'Start with --live');
  assert.deepEqual(await page.locator('.tile .v').allTextContents(), ['0', '0', '2', '0', '0'], 'not measured is unknown, not up');
  await page.close();
  await app.stop();
});

test('nothing claims to be empty before there is data', async () => {
  const app = await fleet({ replicas: 30 });
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.__early = [];
    new MutationObserver(() => /No replicas yet|No events|No rules/.test(document.getElementById('screen')?.textContent ?? '') && document.getElementById('screen').checkVisibility() && [...document.querySelectorAll('#screen .empty')].some((el) => el.checkVisibility()) && globalThis.__early.push(location.hash)).observe(document, { childList: true, subtree: true });
  });
  for (const screen of ['overview', 'replicas', 'rules', 'topology']) {
    await page.goto(`${app.url}?${screen}#/${screen}`);
    await live(page);
    assert.deepEqual(await page.evaluate(() => globalThis.__early), []);
  }
  await page.close();
  await app.stop();
});

test('sparklines fill to the right, one point a second, and hold thirty', async () => {
  const app = await fleet({ replicas: 10, change: 10, every: 250 });
  const page = await open(context, `${app.url}#/replicas?group=none&sort=name`);
  const points = () => page.evaluate(() => {
    const row = [...document.querySelectorAll('.vl > *')].find((el) => el.textContent.includes('replica-0-1'));
    return (row.querySelector('.spark path:not(.gap)').getAttribute('d') ?? '').match(/[ML]/g)?.length ?? 0;
  });
  const has = (count) => page.waitForFunction((wanted) => {
    const row = [...document.querySelectorAll('.vl > *')].find((el) => el.textContent.includes('replica-0-1'));
    return (row.querySelector('.spark path:not(.gap)').getAttribute('d') ?? '').match(/[ML]/g)?.length >= wanted;
  }, count, { timeout: PATIENCE * 3 });
  const start = Date.now();
  await has(5);
  assert.ok(Date.now() - start < 15_000);
  const shape = await page.evaluate(() => [...new Set([...document.querySelectorAll('.spark path:not(.gap)')].flatMap((el) => [...(el.getAttribute('d') ?? '').matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => y)))].length);
  assert.ok(shape > 3, 'different lags stand at different heights');
  await has(30);
  await moves(page);
  assert.equal(await points(), 30);
  await page.close();
  await app.stop();
});

test('the three tabs of the original: replicas, rules and log show everything it showed', async () => {
  const app = await fleet({ replicas: 30, change: 5, every: 300 });
  const page = await open(context, `${app.url}#/replicas?q=replica-0-4`);
  await shows(page, '.vl', 'replica-0-4');
  const row = await page.locator('.vl [role=row]:not(.grp)').first().evaluate((el) => el.textContent);
  for (const fact of [/Up/, /slave/, /postgres/, /\d m?s/, /\d in use/, /ago|now/]) assert.match(row, fact);
  assert.equal(await page.locator('.vl [role=row]:not(.grp) .spark').count(), 1);
  await go(page, '#/rules?q=rule-1');
  await shows(page, '.vl', 'project-00001 → project-00002');
  await shows(page, '.vl', 'cdc');
  await shows(page, '.vl', /\d ins.*\d upd.*\d del.*\d+ ms/);
  await go(page, '#/activity');
  await shows(page, '.dt', 'replica.added');
  await shows(page, '.dt', 'rule.added');
  await page.close();
  await app.stop();
});
