/**
 * A second of the past, from a real monitor's history: every screen is drawn from it, nothing of now gets in, and there is a way
 * back; what is not kept is said, and the page stays live.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DESKTOP, PATIENCE, PHONE, axe, browser, closeAll, drawn, folder, go, monitor, open, shows, sideways } from './support.mjs';

const OPERATOR = 'operator-secret';
const CLOSED = 'postgres://u@127.0.0.1:1/d';
const replica = (role) => ({ role, dialect: 'postgres', uri: CLOSED });
const BEFORE = { replicas: { shop: { main: replica('master'), early: replica('slave') } }, rules: { flow: { source: 'shop', target: 'shop', mode: 'snapshot', collections: ['a'] } } };
const AFTER = { replicas: { shop: { main: replica('master'), late: replica('slave') } } };

let context;
/** A monitor whose tree changed; `then` is a second of before that. */
let own;
let then;

/** Waits until the monitor answers as wanted. */
async function until(wanted) {
  for (const end = Date.now() + PATIENCE; !(await wanted()); await pause(100)) assert.ok(Date.now() < end, `never: ${wanted}`);
}

const at = async (ts) => (await fetch(`${own.url}api/at?ts=${ts}`)).json();
const names = ({ projects }) => projects?.flatMap(({ replicas }) => replicas.map(({ name }) => name)).join();

before(async () => {
  context = await browser();
  const dir = folder();
  const tree = join(dir, 'tree.json');
  writeFileSync(tree, JSON.stringify(BEFORE));
  writeFileSync(join(dir, 'operator'), OPERATOR);
  writeFileSync(join(dir, 'whom.json'), '{"conditions": {"down": {"after": "0s"}}}');
  own = await monitor(tree, { live: true, history: join(dir, 'history.db'), 'state-dir': join(dir, 'state'), alerts: join(dir, 'whom.json'), 'operator-token-file': join(dir, 'operator') });
  await until(async () => {
    then = Date.now();
    return names(await at(then)) === 'main,early' && (await at(then)).projects[0].replicas[1].state === 'down';
  });
  // Three looks of the same, so that there is one before and one after.
  await until(async () => (await at(Date.now())).at > then + 1000);
  then = (await at(then + 600)).at;
  writeFileSync(tree, JSON.stringify(AFTER));
  await until(async () => names(await (await fetch(`${own.url}api/snapshot`)).json()) === 'main,late');
});
beforeEach(() => context.clearCookies());
after(closeAll);

/** What a page says that went wrong, but for what it was refused on purpose. */
const wrong = (page) => page.wrong.filter((text) => !/status of 404/.test(text));

const past = (page) => shows(page, '.timebar', /You are looking at .*, not at now/);

test('every screen is drawn from that second, links stay at it, and there is a way back', async () => {
  const page = await open(context, `${own.url}#/replicas`);
  await shows(page, '.vl', 'late');
  await go(page, `#/replicas?at=${then}`);
  await past(page);
  await shows(page, '.vl', 'early');
  await shows(page, '#live-word', 'Past');
  assert.match(await page.title(), /^Past · /);
  for (const [name, wanted] of [['Overview', 'early'], ['Rules', 'flow'], ['Activity', 'early'], ['Topology', 'early'], ['Settings', '2 replicas, 1 rule'], ['Alerts', 'Alerts are not kept as they stood'], ['Replicas', 'early']]) {
    await page.locator('#rail > li > a', { hasText: name }).first().click();
    await shows(page, '#screen', wanted);
    assert.match(await page.evaluate(() => location.hash), new RegExp(`at=${then}`), name);
    assert.doesNotMatch(await page.locator('#screen').textContent(), /\blate\b/, name);
  }
  await page.getByRole('link', { name: 'early' }).first().click();
  await shows(page, 'h1', 'early');
  await shows(page, '.tile', 'Lag then');
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await shows(page, 'h1', 'Overview');
  await past(page);
  await page.getByRole('button', { name: 'Back to now' }).click();
  await shows(page, '#live-word', 'Live');
  await shows(page, '#screen', 'late');
  assert.doesNotMatch(await page.evaluate(() => location.hash), /at=/);
  await page.goBack();
  await past(page);
  await shows(page, '#screen', 'early');
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('a link to a second shows nothing of now before it, and its clock stands still', async () => {
  // The answer comes late: by then the page knows everything of now.
  await context.route('**/api/at?*', async (route) => {
    const late = route.request().frame().page();
    await late.waitForFunction(() => /updated [1-9]/.test(document.getElementById('live-age').textContent));
    await shows(late, '.timebar', 'Going to');
    await route.continue();
  });
  const page = await open(context, `${own.url}#/overview?at=${then}`, {
    ready: false,
    prepare: () => {
      globalThis.__seen = '';
      new MutationObserver(() => (globalThis.__seen += `${document.getElementById('screen')?.textContent} ${document.title} ${document.getElementById('rail')?.textContent}\n`)).observe(document, { childList: true, subtree: true, characterData: true });
    },
  });
  await past(page);
  await shows(page, '#screen', 'early');
  const screen = () => page.locator('#screen').textContent();
  const before = await screen();
  const ago = () => page.locator('.timebar [role=status]').textContent();
  const first = await ago();
  await page.waitForFunction((old) => document.querySelector('.timebar [role=status]').textContent !== old, first);
  assert.equal(await screen(), before, 'the seconds go on in the strip, and nowhere else');
  await context.unroute('**/api/at?*');
  const seen = await page.evaluate(() => globalThis.__seen);
  assert.match(seen, /\bearly\b/);
  assert.doesNotMatch(seen, /\blate\b/);
  assert.equal(await page.locator('#rail .count.fire').count(), 0, 'how many alerts fire is about now');
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('keys, the slider and the field go to other seconds', async () => {
  const page = await open(context, `${own.url}#/replicas?at=${then}`, { ready: false });
  await past(page);
  const shown = () => page.evaluate(() => Number(new URLSearchParams(location.hash.split('?')[1]).get('at')));
  const moved = (from) => page.waitForFunction((old) => Number(new URLSearchParams(location.hash.split('?')[1]).get('at')) !== old, from);
  await page.keyboard.press(',');
  await moved(then);
  assert.equal(await shown(), then - 1);
  await until(async () => /Past/.test(await page.title()));
  const earlier = (await at(then - 1)).at;
  await shows(page, '#live-age', new Date(earlier).toISOString().slice(11, 19));
  await page.keyboard.press('.');
  await moved(then - 1);
  assert.ok((await shown()) >= then);
  await page.locator('.timebar input[type=range]').evaluate((slider) => slider.focus());
  const before = await shown();
  await page.keyboard.press('ArrowLeft');
  await moved(before);
  await past(page);
  const slider = await page.locator('.timebar input[type=range]').boundingBox();
  const entries = await page.evaluate(() => history.length);
  await page.mouse.move(slider.x + slider.width / 2, slider.y + slider.height / 2);
  await page.mouse.down();
  for (const share of [0.5, 0.8, 0.9, 0.999]) await page.mouse.move(slider.x + slider.width * share, slider.y + slider.height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => !document.querySelector('.timebar [role=status]').textContent.includes('Asking'));
  assert.equal(await page.evaluate(() => history.length), entries, 'one way back, however far it was dragged');
  await past(page);
  const second = Math.floor(Date.now() / 1000) * 1000 - 1000;
  await page.locator('.timebar input[type=datetime-local]').fill(new Date(second).toISOString().slice(0, 19));
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  await shows(page, '.vl', 'late');
  assert.equal(await shown(), second);
  await page.locator('h1').click();
  await page.keyboard.press('f');
  await shows(page, '#live-word', 'Live');
  assert.deepEqual(wrong(page), []);
  await page.close();
});

test('in the past no command is offered, to an operator neither', async () => {
  const page = await open(context, `${own.url}?token=${OPERATOR}#/alerts`);
  await shows(page, '.acts', 'Acknowledge');
  await go(page, `#/alerts?at=${then}`);
  await past(page);
  assert.equal(await page.getByRole('button', { name: /Acknowledge|Silence…|New silence/ }).filter({ visible: true }).count(), 0);
  await shows(page, '#screen', /Firing.*early/);
  assert.doesNotMatch(await page.locator('#screen').evaluate((el) => el.innerText), /\blate\b/);
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('a second that is not kept, and one that is none, are told; the page stays where it is', async () => {
  const page = await open(context, `${own.url}#/overview?at=1000`);
  await shows(page, '.timebar', 'Still live: that time is not kept');
  await shows(page, '#screen', 'late');
  assert.doesNotMatch(await page.evaluate(() => location.hash), /at=/);
  await go(page, '#/overview?at=soon');
  await shows(page, '.timebar', 'The address names no second');
  await go(page, `#/overview?at=${then}`);
  await past(page);
  await go(page, '#/overview?at=1000');
  await shows(page, '.timebar', 'Still here: that time is not kept');
  await shows(page, '#screen', 'early');
  await shows(page, '#live-word', 'Past');
  // What was kept last before a second is shown as what it is: older.
  await go(page, `#/overview?at=${Date.now() + 3_600_000}`);
  await shows(page, '.timebar', /You asked for .*: nothing was kept between the two/);
  assert.deepEqual(wrong(page), []);
  await page.close();
});

test('where no history is kept, that is said, and the page stays live', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'tree.json'), JSON.stringify(BEFORE));
  const plain = await monitor(join(dir, 'tree.json'));
  const page = await open(context, `${plain.url}#/overview`);
  await page.getByRole('button', { name: 'Look at a second of the past' }).click();
  await shows(page, '.timebar', 'No history is kept, so there is no past to look at. Start with --live, or name a file with --history.');
  assert.equal(await page.locator('.timebar input').filter({ visible: true }).count(), 0);
  await page.getByRole('button', { name: 'Close' }).click();
  assert.equal(await page.locator('.timebar').isVisible(), false);
  await go(page, `#/overview?at=${Date.now()}`);
  await shows(page, '.timebar', 'Still live: no history is kept');
  await shows(page, '#live-word', 'Live');
  assert.deepEqual(wrong(page), []);
  await page.close();
  await plain.stop();
});

for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`axe finds nothing in the past: ${size}`, async () => {
    const page = await open(context, own.url, { viewport });
    for (const hash of ['overview', 'replicas', 'replicas/shop/early', 'rules', 'rules/flow', 'activity', 'topology', 'alerts', 'settings']) {
      await go(page, `#/${hash}?at=${then}`);
      await past(page);
      for (const colorScheme of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme });
        await drawn(page);
        assert.deepEqual(await axe(page), [], `${hash}, ${colorScheme}`);
      }
      assert.equal(await sideways(page), 0, `${hash} scrolls sideways`);
    }
    await page.getByRole('button', { name: 'Back to now' }).click();
    await shows(page, '#live-word', 'Live');
    await page.getByRole('button', { name: 'Look at a second of the past' }).click();
    await shows(page, '.timebar', 'This is now');
    assert.deepEqual(await axe(page), [], 'the strip while live');
    assert.deepEqual(page.wrong, []);
    await page.close();
  });
}
