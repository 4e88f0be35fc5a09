/**
 * Using the page: the address keeps the view, keys work, freezing freezes, filters narrow.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, closeAll, drawn, fleet, go, open, shows } from './support.mjs';

let context;
let app;
before(async () => {
  context = await browser();
  app = await fleet({ replicas: 300, change: 100, every: 300 });
});
after(closeAll);

const hash = (page) => page.evaluate(() => location.hash);
/** Waits until the address says so. */
const address = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(location.hash), pattern.source);
const rows = (page) => page.locator('.vl > [role=row]:not(.grp)').count();

test('the address keeps filter, state, project, sort, group and layout', async () => {
  const page = await open(context, `${app.url}#/replicas?q=replica-7&state=up&sort=name&group=none&view=cards`);
  const seen = () => page.evaluate(() => ({
    q: document.getElementById('filter').value,
    up: [...document.querySelectorAll('.chip')].filter((chip) => chip.getAttribute('aria-pressed') === 'true').map((chip) => chip.textContent.match(/[A-Za-z]+/)[0]),
    cards: document.querySelectorAll('.rcard').length > 0,
    groups: document.querySelectorAll('.grp').length,
    sort: [...document.querySelectorAll('select')].map((control) => control.value),
  }));
  const before = await seen();
  assert.deepEqual({ ...before, sort: before.sort.slice(1) }, { q: 'replica-7', up: ['Up'], cards: true, groups: 0, sort: ['none', 'name'] });
  await page.reload();
  await shows(page, '#live-word', 'Live');
  await page.waitForSelector('.rcard');
  assert.deepEqual(await seen(), before);
  await page.close();
});

test('choosing adds to the history, typing does not; back and forward follow', async () => {
  const page = await open(context, `${app.url}#/replicas`);
  await page.locator('.chip', { hasText: 'Down' }).click();
  await address(page, /state=down/);
  await page.locator('#filter').pressSequentially('replica');
  await address(page, /q=replica/);
  await page.goBack();
  await address(page, /^#\/replicas$/);
  assert.equal(await page.inputValue('#filter'), '', 'typing was no step of its own');
  await page.goForward();
  await address(page, /state=down&q=replica$/);
  assert.equal(await page.inputValue('#filter'), 'replica');
  await page.locator('.vl a').first().click();
  await address(page, /^#\/replicas\/project-/);
  await page.goBack();
  await address(page, /state=down&q=replica$/);
  assert.ok((await rows(page)) > 0);
  await page.close();
});

test('the filter narrows to what was typed, says how much, and can be cleared', async () => {
  const page = await open(context, `${app.url}#/replicas`);
  await shows(page, '.head', '300 shown of 300');
  await page.keyboard.press('/');
  await page.keyboard.type('replica-12-3');
  await shows(page, '.head', '1 shown of 300');
  assert.deepEqual(await page.locator('.vl b').allTextContents(), ['replica-12-3']);
  await page.keyboard.type('zzz');
  await shows(page, '#screen', 'No replica matches');
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await shows(page, '.head', '300 shown of 300');
  assert.equal(await page.inputValue('#filter'), '');
  await page.close();
});

test('a chip shows exactly as many replicas as it says', async () => {
  const page = await open(context, `${app.url}#/replicas`);
  const chip = page.locator('.chip', { hasText: 'Down' });
  const said = Number(await chip.locator('b').textContent());
  assert.ok(said > 0);
  await chip.click();
  await shows(page, '.head', `${said} shown of 300`);
  assert.deepEqual([...new Set(await page.locator('.vl .badge').allTextContents())], ['Down']);
  await page.close();
});

test('typing on a screen that cannot be filtered leads to the replicas', async () => {
  const page = await open(context, `${app.url}#/overview`);
  await page.keyboard.press('/');
  await page.keyboard.type('replica-3-1');
  await address(page, /^#\/replicas\?q=replica-3-1$/);
  await shows(page, '.head', '1 shown');
  await page.close();
});

test('keys: g and a letter go, Escape clears, ? helps', async () => {
  const page = await open(context, app.url);
  for (const [key, screen] of Object.entries({ r: 'replicas', u: 'rules', a: 'activity', t: 'topology', s: 'settings', o: 'overview' })) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await address(page, new RegExp(`^#/${screen}$`));
  }
  await page.keyboard.press('r');
  assert.match(await hash(page), /overview/, 'a letter alone goes nowhere');
  await go(page, '#/replicas?q=replica-1');
  await page.keyboard.press('Escape');
  await address(page, /^#\/replicas$/);
  await page.keyboard.press('?');
  await shows(page, 'dialog[open]', 'Freeze or resume');
  await page.keyboard.press('f');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  await shows(page, '#live-word', 'Live');
  await page.close();
});

test('keys: j and k walk the rows, also beyond the window, and Enter opens', async () => {
  const page = await open(context, `${app.url}#/replicas?group=none&sort=name`);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press('j');
  assert.equal(await focused(), 'replica-0-0');
  for (let k = 0; k < 40; k++) await page.keyboard.press('j');
  assert.equal(await focused(), 'replica-4-0');
  await page.keyboard.press('k');
  assert.equal(await focused(), 'replica-3-9');
  const inView = await page.evaluate(() => {
    const box = document.activeElement.getBoundingClientRect();
    return box.top > 0 && box.bottom < innerHeight;
  });
  assert.ok(inView);
  await page.keyboard.press('Enter');
  await address(page, /replica-3-9$/);
  await page.close();
});

test('keys do nothing while typing, and can be switched off', async () => {
  const page = await open(context, `${app.url}#/settings`);
  await page.locator('#filter').focus();
  await page.keyboard.type('f?');
  assert.equal(await page.inputValue('#filter'), 'f?');
  assert.equal(await page.textContent('#live-word'), 'Live');
  await go(page, '#/settings');
  await page.getByLabel('Single-key shortcuts').uncheck();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('f');
  await page.keyboard.press('?');
  assert.equal(await page.locator('dialog').count(), 0);
  assert.equal(await page.textContent('#live-word'), 'Live');
  await page.reload();
  assert.equal(await page.getByLabel('Single-key shortcuts').isChecked(), false, 'it is remembered');
  await page.getByLabel('Single-key shortcuts').check();
  await page.close();
});

test('freezing holds every figure still and counts what waits; resuming shows it', async () => {
  const page = await open(context, `${app.url}#/replicas?group=none&sort=name`);
  const text = () => page.textContent('.vl');
  const moving = await text();
  await page.waitForFunction((before) => document.querySelector('.vl').textContent !== before, moving);
  await page.keyboard.press('f');
  await shows(page, '#live-word', 'Frozen');
  await drawn(page);
  const still = await text();
  await page.waitForFunction(() => Number(/(\d[\d\u202f]*) new/.exec(document.getElementById('live-age').textContent)?.[1].replace(/\D/g, '')) > 300);
  assert.equal(await text(), still);
  assert.match(await page.title(), /^Frozen/);
  await page.evaluate(() => scrollTo(0, 2000));
  await drawn(page);
  await page.evaluate(() => scrollTo(0, 0));
  await drawn(page);
  assert.equal(await text(), still, 'rows drawn again show the same');
  await page.keyboard.press('f');
  await shows(page, '#live-word', 'Live');
  await page.waitForFunction((before) => document.querySelector('.vl').textContent !== before, still);
  await page.close();
});

test('rows stand still under the pointer while their figures go on', async () => {
  const page = await open(context, `${app.url}#/replicas?group=none&sort=lag`);
  const order = () => page.locator('.vl b').allTextContents();
  await page.locator('.vl > *').nth(3).hover();
  const names = await order();
  const figures = await page.textContent('.vl');
  await page.waitForFunction((before) => document.querySelector('.vl').textContent !== before, figures);
  // Longer than a re-sort takes to come due.
  await page.waitForFunction((from) => performance.now() - from > 6000, await page.evaluate(() => performance.now()));
  assert.deepEqual(await order(), names);
  await page.mouse.move(5, 5);
  await page.waitForFunction((before) => [...document.querySelectorAll('.vl b')].map((el) => el.textContent).join() !== before, names.join());
  await page.close();
});

test('groups fold, and the address knows', async () => {
  const page = await open(context, `${app.url}#/replicas`);
  const lines = await page.locator('.vl').evaluate((el) => el.offsetHeight);
  await page.locator('.grp button').first().click();
  await address(page, /closed=project-/);
  await page.waitForFunction((before) => document.querySelector('.vl').offsetHeight < before, lines);
  await page.getByRole('button', { name: 'Collapse all' }).click();
  await address(page, /closed=\*/);
  await page.waitForFunction(() => document.querySelectorAll('.vl > :not(.grp)').length === 0);
  await page.close();
});

test('the theme button goes round: system, light, dark', async () => {
  const page = await open(context, app.url, { scheme: 'dark' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.click('#theme');
  assert.notEqual(await background(), dark);
  await page.click('#theme');
  assert.equal(await background(), dark);
  await page.click('#theme');
  assert.match(await page.getAttribute('#theme', 'aria-label'), /system/);
  await page.close();
});
