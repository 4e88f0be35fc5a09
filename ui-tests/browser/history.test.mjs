/**
 * What was kept, in a real browser and from a real monitor: lags and states of a day, ranges and zoom in the address, the same as a table and as
 * CSV; a replica's own chart; sparklines that begin before the page did.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DESKTOP, PHONE, axe, browser, closeAll, command, drawn, folder, go, monitor, open, shows, sideways } from './support.mjs';

const TICK = 10_000;
const HOUR = 3_600_000;
const replica = (role, more) => ({ role, dialect: 'postgres', uri: 'postgres://u@h/d', ...more });
const TREE = { replicas: { shop: { main: replica('master'), calm: replica('slave'), 'late one': replica('slave', { lagTolerance: 2000 }) } } };

let context;
let own;

/** A day until now: `late one` is behind for an hour, unknown for another, and down for a third; nobody looked for a fourth. */
function day(now) {
  const lines = ['time_ms,project,replica,rule,metric,value,unknown'];
  // Into the future too: however slow the machine is, the last minute is one of these.
  for (let at = now - 24 * HOUR; at <= now + HOUR / 2; at += TICK) {
    const ago = Math.floor((now - at) / HOUR);
    if (ago === 20) continue;
    lines.push(`${at},,,,seq,1,`, `${at},shop,calm,,lag_ms,${(at / TICK) % 40},`, `${at},shop,calm,,state,3,`);
    const lag = ago === 10 ? '9000,' : ago === 12 ? ',no answer' : ago === 14 ? ',it is down' : `${300 + (at / TICK) % 90},`;
    lines.push(`${at},shop,late one,,lag_ms,${lag}`, `${at},shop,late one,,state,${ago === 14 ? 2 : 3},`);
  }
  return `${lines.join('\n')}\n`;
}

before(async () => {
  context = await browser({ acceptDownloads: true });
  const dir = folder();
  const [tree, figures, history] = ['tree.json', 'day.csv', 'history.db'].map((name) => join(dir, name));
  writeFileSync(tree, JSON.stringify(TREE));
  writeFileSync(figures, day(Math.floor(Date.now() / TICK) * TICK));
  command('history', 'import', '--into', history, figures);
  own = await monitor(tree, { history, 'state-dir': join(dir, 'state') });
});
after(closeAll);

const hash = (page) => page.evaluate(() => location.hash);

test('lags and states of a day are drawn, told in words, and the same as a table', async () => {
  const page = await open(context, `${own.url}#/history?range=24h&sel=shop`);
  await shows(page, '.legend', 'shop / late one');
  const label = await page.locator('svg.chart.range').getAttribute('aria-label');
  assert.match(label, /Lag of shop \/ late one: at most 9\.00 s, over its limit in \d+ of \d+ points, unknown in \d+ of/);
  const strip = await page.locator('.strip', { hasText: 'late one' }).locator('svg').getAttribute('aria-label');
  assert.match(strip, /down for (1 h|59 m|1 h \d m).*, lagging for .*, unknown for .*, up for .*nobody looked for/s);
  assert.ok(await page.locator('svg.chart.range path.gap[d]').count(), 'unknown is hatched');
  await page.getByText('View as table').click();
  await shows(page, 'table.plain', 'unknown');
  await shows(page, 'table.plain', /9\.00 s/);
  await page.locator('svg.chart.range').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await shows(page, '.body > p[role=status]', /^\d{4}-.*shop \/ late one \d+ ms/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export CSV' }).click()]);
  assert.equal(download.suggestedFilename(), 'lag.csv');
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('range and zoom stand in the address, and the back button undoes them', async () => {
  const page = await open(context, `${own.url}#/history?range=24h&sel=shop`);
  await shows(page, '.legend', 'late one');
  const chart = await page.locator('svg.chart.range').boundingBox();
  await page.mouse.move(chart.x + chart.width * 0.4, chart.y + 60);
  await page.mouse.down();
  await page.mouse.move(chart.x + chart.width * 0.6, chart.y + 60);
  await page.mouse.up();
  await page.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash));
  await page.getByRole('button', { name: 'Whole range' }).click();
  await page.waitForFunction(() => !/from=/.test(location.hash));
  await page.getByRole('button', { name: '6 h' }).click();
  assert.match(await hash(page), /range=6h/);
  await page.goBack();
  assert.match(await hash(page), /range=24h/);
  // By keys alone: two places, and Enter at each.
  await page.locator('svg.chart.range').focus();
  for (const key of ['Home', 'Enter', 'End', 'Enter']) await page.keyboard.press(key);
  await page.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash));
  await page.close();
});

test('a time of which nothing is kept is said, and so is a monitor without a history', async () => {
  const page = await open(context, `${own.url}#/history?from=1000&to=900000`);
  await shows(page, '.empty', 'Nothing is kept of this time');
  await page.close();
  const dir = folder();
  writeFileSync(join(dir, 'tree.json'), JSON.stringify(TREE));
  const bare = await monitor(join(dir, 'tree.json'), { 'state-dir': join(dir, 'state') });
  const none = await open(context, `${bare.url}#/history`);
  await shows(none, '.empty', 'No history is kept');
  await none.close();
});

test('a replica shows a range of its own, and its sparkline begins before the page did', async () => {
  const page = await open(context, `${own.url}#/replicas`);
  const line = (name) => page.locator('.vl [role=row]', { hasText: name }).locator('.spark path:not(.gap)').first();
  await page.waitForFunction(() => [...document.querySelectorAll('.spark path:not(.gap)')].some((path) => /[ML]/.test(path.getAttribute('d') ?? '')));
  assert.match((await line('calm').getAttribute('d')) ?? '', /M/);
  await go(page, '#/replicas/shop/late%20one');
  await page.getByRole('button', { name: '24 h' }).click();
  await page.waitForFunction(() => /Lag of late one: at most 9\.00 s/.test(document.querySelector('svg.chart.range')?.getAttribute('aria-label') ?? ''));
  assert.match(await hash(page), /range=24h/);
  await page.getByRole('button', { name: 'live' }).click();
  await page.waitForFunction(() => !document.querySelector('svg.chart.range')?.checkVisibility());
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('it can be used by everybody, on any screen', async () => {
  for (const [viewport, scheme] of [[DESKTOP, 'dark'], [DESKTOP, 'light'], [PHONE, 'dark'], [PHONE, 'light']]) {
    const page = await open(context, `${own.url}#/history?range=24h&sel=shop`, { viewport, scheme });
    await shows(page, '.legend', 'late one');
    await drawn(page);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `history-${viewport.width}-${scheme}.png`), fullPage: true });
    assert.deepEqual(await axe(page), [], `${viewport.width} ${scheme}`);
    assert.equal(await sideways(page), 0);
    await go(page, '#/replicas/shop/late%20one?range=24h');
    await shows(page, '.body', 'Each point is');
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `replica-${viewport.width}-${scheme}.png`), fullPage: true });
    assert.deepEqual(await axe(page), [], `replica ${viewport.width} ${scheme}`);
    assert.equal(await sideways(page), 0);
    await page.close();
  }
});
