/**
 * Data is never markup: the page's policy holds on every screen, and names that try to be code,
 * to turn the writing direction or to stretch the page are shown as text.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DESKTOP, PHONE, SCREENS, browser, closeAll, drawn, fleet, folder, go, monitor, open, shows, sideways } from './support.mjs';

let context;
before(async () => (context = await browser()));
after(closeAll);

const LONG = 'x'.repeat(300);
const NAMES = {
  image: '<img src=x onerror=globalThis.__pwned=1>',
  script: '</script><script>globalThis.__pwned=1</script>',
  link: 'javascript:globalThis.__pwned=1',
  prototype: '__proto__',
  quotes: 'a/b?c#d "q" \'s\' & <b>',
  turned: 'ünï🦀\u202ereversed\u2066',
  long: LONG,
  words: 'many words '.repeat(30).trim(),
};

/** A tree in which every name is hostile: project, replica, rule and collection. */
function hostileTree() {
  const names = Object.values(NAMES);
  const replicas = Object.fromEntries(names.map((project) => [project, Object.fromEntries(names.map((name, k) => [name, { role: k ? 'slave' : 'master', dialect: 'postgres', uri: 'postgres://h/d' }]))]));
  // An object literal would take __proto__ for its prototype; JSON does not.
  Object.defineProperty(replicas, '__proto__', { value: { ...replicas[NAMES.image] }, enumerable: true });
  const rules = names.map((name, k) => ({ name, source: names[k], target: names[(k + 1) % names.length], mode: 'cdc', collections: names }));
  const path = join(folder(), 'tree.json');
  writeFileSync(path, JSON.stringify({ replicas, rules }));
  return path;
}

const at = (...path) => `#/${path.map(encodeURIComponent).join('/')}`;

test('the policy allows no script but the page\'s own, and no HTML from strings', async () => {
  const app = await fleet({ replicas: 20 });
  const policy = (await fetch(app.url)).headers.get('content-security-policy');
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'", 'trusted-types hub']) assert.ok(policy.split('; ').includes(part), part);
  const page = await open(context, app.url);
  await assert.rejects(page.evaluate(() => (document.body.innerHTML = '<p>x')), /TrustedHTML/);
  await assert.rejects(page.evaluate(() => trustedTypes.createPolicy('other', {})), /createPolicy/);
  await page.waitForFunction(() => true);
  assert.ok(page.wrong.length > 0, 'the tests notice a violation');
  await page.close();
  await app.stop();
});

test('every screen keeps the policy and prints no error', async () => {
  const app = await fleet({ replicas: 60, change: 20, every: 300 });
  const page = await open(context, app.url);
  for (const hash of Object.values(SCREENS)) {
    await go(page, hash);
    await shows(page, '#screen h1, #screen h2', /\S/);
  }
  await page.keyboard.press('?');
  await page.keyboard.press('Escape');
  assert.deepEqual(page.wrong, []);
  await page.close();
  await app.stop();
});

test('hostile names are text on every screen, and stretch none', async () => {
  const app = await monitor(hostileTree());
  for (const viewport of [PHONE, DESKTOP]) {
    const page = await open(context, app.url, { viewport });
    const screens = [
      ...['#/overview', '#/replicas', '#/replicas?group=none', '#/replicas?view=cards', '#/rules', '#/activity', '#/topology', '#/topology?view=tree', '#/settings'].map((hash) => [hash, null]),
      ...Object.entries(NAMES).flatMap(([what, name]) => [
        [at('replicas', name, name), name, what],
        [at('rules', name), name, what],
        [at('replicas', 'nowhere', name), name, what],
        [`#/replicas?project=${encodeURIComponent(name)}`, name, what],
      ]),
    ];
    for (const [hash, name, what] of screens) {
      await go(page, hash);
      await shows(page, '#screen h1, #screen h2', /\S/);
      if (name !== null) await shows(page, '#main', name);
      const found = await page.evaluate(() => ({ pwned: Boolean(globalThis.__pwned), made: document.querySelectorAll('main img, main script, main [onerror], a[href^="javascript:"]').length }));
      assert.deepEqual(found, { pwned: false, made: 0 }, `${what ?? hash}`);
      assert.equal(await sideways(page), 0, `${viewport.width} px: ${what ?? ''} ${hash.slice(0, 60)} scrolls sideways`);
    }
    assert.deepEqual(page.wrong, []);
    await page.close();
  }
  await app.stop();
});

test('a hostile fleet that is measured looks the same: text, and no sideways scroll', async () => {
  const app = await fleet({ replicas: 60, change: 30, every: 300, hostile: true });
  for (const viewport of [PHONE, DESKTOP]) {
    const page = await open(context, app.url, { viewport });
    for (const hash of Object.values(SCREENS)) {
      await go(page, hash);
      assert.equal(await sideways(page), 0, `${viewport.width} px: ${hash} scrolls sideways`);
    }
    await go(page, '#/replicas?group=none&sort=name');
    await shows(page, '.vl', NAMES.image);
    assert.equal(await page.evaluate(() => Boolean(globalThis.__pwned)), false);
    assert.deepEqual(page.wrong, []);
    await page.close();
  }
  await app.stop();
});

test('links to hostile names lead to their own screens', async () => {
  const app = await monitor(hostileTree());
  const page = await open(context, `${app.url}#/replicas?group=none&sort=name`);
  for (const name of [NAMES.image, NAMES.quotes, NAMES.prototype]) {
    await go(page, `#/replicas?group=none&project=${encodeURIComponent(name)}`);
    await page.locator('.vl a', { hasText: name }).first().click();
    await shows(page, '#screen h1', name);
    await shows(page, '#screen', 'Facts');
    await drawn(page);
  }
  await page.close();
  await app.stop();
});
