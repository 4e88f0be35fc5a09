/**
 * Everybody can read the page: axe finds nothing on any screen, in both themes, on both sizes; and
 * it prints, obeys forced colours and keeps still when asked to.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DESKTOP, PHONE, SCREENS, axe, browser, closeAll, drawn, fleet, folder, go, monitor, open, shows, sideways } from './support.mjs';

let context;
let app;
before(async () => {
  context = await browser();
  app = await fleet({ replicas: 120, change: 20, every: 1000 });
});
after(closeAll);

/** Runs axe in both themes. */
async function clean(page, what) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    await drawn(page);
    assert.deepEqual(await axe(page), [], `${what}, ${colorScheme}`);
  }
  assert.equal(await sideways(page), 0, `${what} scrolls sideways`);
}

for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`axe finds nothing on any screen: ${size}`, async () => {
    const page = await open(context, app.url, { viewport });
    for (const [name, hash] of Object.entries(SCREENS)) {
      await go(page, hash);
      await clean(page, name);
    }
    assert.deepEqual(page.wrong, []);
    await page.close();
  });

  test(`axe finds nothing in dialogs, menus and while frozen: ${size}`, async () => {
    const page = await open(context, `${app.url}#/activity`, { viewport });
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    await clean(page, 'help');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.ar');
    await page.locator('.ar button').first().click();
    await page.waitForSelector('dialog[open]');
    await clean(page, 'an event');
    await page.keyboard.press('Escape');
    await page.keyboard.press('f');
    await shows(page, '#live-word', 'Frozen');
    await clean(page, 'frozen');
    if (viewport === PHONE) {
      await page.locator('.more summary').click();
      await clean(page, 'the menu');
    }
    await page.close();
  });

  test(`axe finds nothing on the first run, with problems, and when the server is gone: ${size}`, async () => {
    const tree = join(folder(), 'tree.json');
    writeFileSync(tree, '{}');
    const own = await monitor(tree);
    const page = await open(context, own.url, { viewport });
    for (const screen of ['overview', 'replicas', 'rules', 'topology', 'activity']) {
      await go(page, `#/${screen}`);
      await clean(page, `first run, ${screen}`);
    }
    writeFileSync(tree, '{"replicas": {"shop": {"m": {"role": "master"}, "x": {"role": "slave", "uri": 7}, "y": 1, "z": 2}}}');
    await shows(page, '.banners', 'problem');
    await go(page, '#/replicas');
    await clean(page, 'a tree with problems');
    await own.stop();
    await shows(page, '#live-word', 'Disconnected');
    for (const screen of ['overview', 'replicas']) {
      await go(page, `#/${screen}`);
      await clean(page, `disconnected, ${screen}`);
    }
    await page.close();
  });

  test(`axe finds nothing when the source does not answer any more: ${size}`, async () => {
    const own = await fleet({ replicas: 20, every: 200, 'hang-at': 3 });
    const page = await open(context, own.url, { viewport });
    await shows(page, '.banners', 'stopped answering');
    for (const screen of ['overview', 'replicas']) {
      await go(page, `#/${screen}`);
      await clean(page, `stalled, ${screen}`);
    }
    await page.close();
    await own.stop();
  });
}

test('on paper: no controls, dark on white, the rows themselves', async () => {
  const page = await open(context, `${app.url}#/replicas`, { scheme: 'dark' });
  const inTheWindow = await page.locator('.vl > *').count();
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await page.waitForFunction((before) => document.querySelectorAll('.vl > *').length > before, inTheWindow);
  const look = await page.evaluate(() => ({
    controls: ['.top', '.nav', '.chips'].filter((part) => document.querySelector(part)?.checkVisibility()),
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
  }));
  assert.deepEqual(look.controls, []);
  assert.equal(look.paper, 'rgb(255, 255, 255)');
  assert.ok(look.ink.match(/\d+/g).every((part) => part < 60), look.ink);
  await page.emulateMedia({ media: 'screen' });
  await page.waitForFunction((before) => document.querySelectorAll('.vl > *').length <= before, inTheWindow);
  await page.close();
});

test('a theme that was chosen does not reach the paper', async () => {
  const page = await open(context, `${app.url}#/settings`, { prepare: () => localStorage.setItem('replica-monitor.prefs', '{"theme":"dark"}') });
  await page.emulateMedia({ media: 'print' });
  const ink = await page.evaluate(() => getComputedStyle(document.body).color);
  assert.ok(ink.match(/\d+/g).every((part) => part < 60), ink);
  await page.evaluate(() => localStorage.clear());
  await page.close();
});

test('forced colours: badges keep an outline and a shape, pictures take the text colour', async () => {
  const page = await open(context, `${app.url}#/replicas`);
  await page.emulateMedia({ forcedColors: 'active' });
  const badge = await page.evaluate(() => {
    const style = getComputedStyle(document.querySelector('.vl .badge'));
    return { border: style.borderTopWidth, line: style.borderTopStyle, shapes: document.querySelectorAll('.vl .badge svg use').length > 0 };
  });
  assert.deepEqual(badge, { border: '1px', line: 'solid', shapes: true });
  await page.close();
});

test('reduced motion: nothing moves', async () => {
  const page = await open(context, `${app.url}#/overview`);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((el) => {
    const style = getComputedStyle(el);
    return parseFloat(style.transitionDuration) > 0.001 || (style.animationName !== 'none' && parseFloat(style.animationDuration) > 0.001);
  }).length);
  assert.equal(moving, 0);
  await page.close();
});

test('the first stop of the Tab key skips to the content, and the map is one stop', async () => {
  const page = await open(context, `${app.url}#/overview`);
  await page.evaluate(() => document.activeElement.blur());
  await page.evaluate(() => document.body.focus());
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.querySelectorAll('.heat a[tabindex="0"]').length), 1);
  await page.locator('.heat a').first().focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement === document.querySelectorAll('.heat a')[1]), true);
  await page.close();
});
