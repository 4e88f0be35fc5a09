/**
 * The single screens: the log streams, filters and holds still for its reader; details follow; the
 * map and the topology lead where they say.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PHONE, browser, closeAll, drawn, fleet, folder, go, monitor, open, shows } from './support.mjs';

const OPERATOR = 'operator-secret';
let context;
let app;
before(async () => {
  context = await browser();
  app = await fleet({ replicas: 60, change: 10, every: 300 });
});
after(closeAll);

/** A monitor that takes events from an application, and a way to tell some. Telling is itself one event. */
async function listening() {
  const dir = folder();
  writeFileSync(join(dir, 'tree.json'), JSON.stringify({ replicas: { shop: { m: { role: 'master', uri: 'postgres://h/d' } } } }));
  writeFileSync(join(dir, 'operator'), OPERATOR);
  const own = await monitor(join(dir, 'tree.json'), { 'operator-token-file': join(dir, 'operator') });
  const tell = async (...events) => {
    const answer = await fetch(`${own.url}api/events`, { method: 'POST', headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' }, body: JSON.stringify(events) });
    assert.equal(answer.status, 202, await answer.text());
  };
  return { ...own, tell };
}

const deploys = (from, count) => Array.from({ length: count }, (_, k) => ({ type: 'deploy', version: `v${from + k}`, project: 'shop' }));

test('the log streams, newest first, also what it has never heard of', async () => {
  const own = await listening();
  const page = await open(context, `${own.url}#/activity`);
  await own.tell(...deploys(1, 3));
  await shows(page, '.ar', 'version=v3');
  assert.deepEqual((await page.locator('.ar').allTextContents()).map((text) => /v\d/.exec(text)?.[0]).slice(0, 4), [undefined, 'v3', 'v2', 'v1']);
  await own.tell({ type: '<b>odd</b>', note: '<img src=x onerror=alert(1)>', deep: { a: [1] } });
  await shows(page, '.ar', '<b>odd</b>');
  await shows(page, '.ar', 'deep={"a":[1]}');
  await page.locator('.ar', { hasText: '<b>odd' }).getByRole('button').click();
  await shows(page, 'dialog[open] pre', '"note": "<img src=x onerror=alert(1)>"');
  assert.deepEqual(page.wrong, []);
  await page.close();
  await own.stop();
});

test('the log holds still for who reads, counts what is new, and shows it on demand', async () => {
  const own = await listening();
  const page = await open(context, `${own.url}#/activity`);
  await own.tell(...deploys(0, 150));
  await shows(page, '.ar', 'version=v149');
  await page.evaluate(() => scrollTo(0, 1500));
  await drawn(page);
  const seen = await page.locator('.ar').allTextContents();
  await own.tell(...deploys(1000, 12));
  await shows(page, '.newer', '13 new');
  assert.deepEqual(await page.locator('.ar').allTextContents(), seen);
  await page.locator('.newer').click();
  await shows(page, '.ar', 'version=v1011');
  await page.waitForFunction(() => scrollY === 0);
  await page.close();
  await own.stop();
});

test('freezing holds the log too; nothing is lost', async () => {
  const own = await listening();
  const page = await open(context, `${own.url}#/activity`);
  await own.tell(...deploys(1, 1));
  await shows(page, '.ar', 'version=v1');
  await page.keyboard.press('f');
  await own.tell(...deploys(2, 5));
  await shows(page, '#live-age', '6 new');
  assert.equal(await page.locator('.ar', { hasText: 'version=v' }).count(), 1);
  await page.keyboard.press('f');
  await shows(page, '.ar', 'version=v6');
  assert.equal(await page.locator('.ar', { hasText: 'version=v' }).count(), 6);
  await page.close();
  await own.stop();
});

test('the log is filtered by word, severity, type and project, and saved as it is filtered', async () => {
  const own = await listening();
  const page = await open(context, `${own.url}#/activity`);
  await own.tell(...deploys(1, 3), { type: 'error', message: 'disk full', context: 'backup' }, { type: 'rule.sync.start', rule: 'r' });
  await shows(page, '.ar', 'disk full');
  await page.getByRole('button', { name: 'Errors' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.ar').length === 1);
  assert.match(await page.evaluate(() => location.hash), /sev=error/);
  await page.getByRole('button', { name: 'Changes' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.ar').length > 3 && !document.querySelector('.dt').textContent.includes('started'));
  await go(page, '#/activity?type=deploy&q=V2');
  await page.waitForFunction(() => document.querySelectorAll('.ar').length === 1);
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download NDJSON' }).click()]);
  const lines = readFileSync(await saved.path(), 'utf8').trim().split('\n').map(JSON.parse);
  assert.deepEqual(lines.map(({ type, version }) => [type, version]), [['deploy', 'v2']]);
  await go(page, '#/activity?project=shop');
  await page.waitForFunction(() => document.querySelectorAll('.ar').length === 4);
  await go(page, '#/activity?q=nothing-like-it');
  await shows(page, '#screen', 'None of');
  await page.close();
  await own.stop();
});

test('a replica: lag, chart in words, facts and its events; it follows', async () => {
  const page = await open(context, `${app.url}#/replicas/project-00000/replica-0-3`);
  await shows(page, '.tiles', /Lag now\d/);
  await shows(page, 'dl', 'slave of replica-0-0');
  const lag = () => page.locator('.tile .v').first().textContent();
  const before = await lag();
  await page.waitForFunction((text) => document.querySelector('.tile .v').textContent !== text, before);
  await page.waitForFunction(() => /between .* points over the 5 s limit, 0 unknown/.test(document.querySelector('.chart').getAttribute('aria-label')));
  await page.getByText('The same as a table').click();
  await shows(page, '.points', /ago {3}\d/);
  await shows(page, '#screen', 'Added');
  await page.close();
});

test('a replica that is down says why, and its unknown lag is not a number', async () => {
  const page = await open(context, `${app.url}#/replicas/project-00000/replica-0-7`);
  await shows(page, '.tiles', 'connection refused');
  assert.equal(await page.locator('.tile .v').first().textContent(), '— unknown');
  await page.close();
});

test('a replica or a rule that is not there says so and leads back', async () => {
  const page = await open(context, `${app.url}#/replicas/nowhere/nothing`);
  await shows(page, '#screen', 'No such replica');
  await page.getByRole('link', { name: 'All replicas' }).click();
  await shows(page, '.head', '60 shown');
  await go(page, '#/rules/nothing');
  await shows(page, '#screen', 'No such rule');
  await go(page, '#/nonsense/here');
  await shows(page, '#screen', 'no such screen');
  await page.getByRole('link', { name: 'Go to the overview' }).click();
  await shows(page, 'h1', 'Overview');
  await page.close();
});

test('rules: chips count and narrow, the worst first, a rule opens', async () => {
  const page = await open(context, `${app.url}#/rules`);
  await shows(page, '.head', '6 shown of 6');
  assert.match(await page.locator('.vl > *').first().textContent(), /Failing.*1 failed/);
  await page.locator('.chip', { hasText: 'No run seen' }).click();
  await shows(page, '.head', '2 shown of 6');
  await shows(page, '.vl', 'not run yet, or not told');
  await go(page, '#/rules/rule-4');
  await shows(page, '.tiles', /failed1/);
  await shows(page, 'dl', 'users, orders');
  await page.close();
});

test('the overview counts every replica once and leads to what needs attention', async () => {
  const page = await open(context, `${app.url}#/overview`);
  const counts = (await page.locator('.tile .v').allTextContents()).map(Number);
  assert.equal(counts.reduce((sum, count) => sum + count), 60);
  assert.equal(await page.locator('.heat a').count(), 60);
  await page.locator('.li', { hasText: 'replica-0-7' }).getByRole('link').click();
  await shows(page, 'h1', 'replica-0-7');
  await page.goBack();
  await page.locator('.tile', { hasText: 'Lagging' }).click();
  await shows(page, '.head', `${counts[1]} shown of 60`);
  await page.close();
});

test('the topology draws masters, slaves and rules; the tree tells the same; phones get the tree', async () => {
  const page = await open(context, `${app.url}#/topology?project=project-00000`);
  await shows(page, '.topo', 'replica-0-9');
  await shows(page, '.topo', 'rule rule-0');
  await go(page, '#/topology?view=tree&project=project-00000');
  await shows(page, '.vl', 'replica-0-9');
  await shows(page, '.vl', 'rule-0');
  await page.setViewportSize(PHONE);
  await go(page, '#/topology');
  await shows(page, '.vl', 'replica-0-1');
  assert.equal(await page.locator('.topo').count(), 0);
  await page.close();
});

test('names can be hidden for screenshots, everywhere', async () => {
  const page = await open(context, `${app.url}#/settings`);
  await page.getByLabel('Hide real names').check();
  for (const hash of ['#/overview', '#/replicas', '#/replicas?view=cards', '#/rules', '#/topology', '#/topology?view=tree', '#/activity', '#/alerts', '#/replicas/project-00000/replica-0-7', '#/rules/rule-4']) {
    await go(page, hash);
    const text = await page.evaluate(() => document.body.innerText + document.title);
    assert.doesNotMatch(text, /replica-\d-\d|project-0\d{4}|rule-\d\b.*cdc|connection refused/, hash);
  }
  await page.evaluate(() => localStorage.clear());
  await page.close();
});
