/**
 * The screen of alerts, against a real monitor whose servers do not answer and whose channel fails: what it shows, who may do
 * what, and that nothing is offered which would be refused.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DESKTOP, PHONE, axe, browser, closeAll, drawn, folder, go, monitor, open, shows, sideways } from './support.mjs';

const OPERATOR = 'operator-secret';
/** Nothing ever listens on port 1. */
const CLOSED = 'postgres://u@127.0.0.1:1/d';
const NAME = '<img src=x onerror=globalThis.__pwned=1>';

let context;
before(async () => (context = await browser()));
// A cookie is good at every port of this machine.
beforeEach(() => context.clearCookies());
after(closeAll);

/** A monitor with two replicas that are down, a rule, a channel that fails and, if wanted, an operator's token. */
async function troubled(options = {}) {
  const dir = folder();
  const file = (name, text) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const down = (role) => ({ role, dialect: 'postgres', uri: CLOSED });
  const tree = file('tree.json', JSON.stringify({ replicas: { shop: { main: down('master'), [NAME]: down('slave') } } }));
  const settings = file('whom-to-tell.json', JSON.stringify({ gather: '1s', channels: { ops: { kind: 'webhook', url: 'http://127.0.0.1:1/' } }, conditions: { down: { after: '0s' } } }));
  return monitor(tree, { live: true, 'state-dir': join(dir, 'state'), alerts: settings, 'operator-token-file': file('operator', OPERATOR), ...options });
}

const asOperator = (own) => `${own.url}?token=${OPERATOR}#/alerts`;

/** The row of an alert. */
const row = (page, text) => page.locator('.cols-alert .bd [role=row]', { hasText: text });

test('without an operator\'s token everything is shown, and why nothing can be done', async () => {
  const own = await troubled();
  const page = await open(context, `${own.url}#/alerts`);
  await shows(page, '.cols-alert', 'Critical');
  assert.equal(await page.locator('.cols-alert .bd [role=row]').count(), 2);
  await shows(page, '#screen', 'need the operator’s token. Open this page once with ?token=');
  assert.equal(await page.getByRole('button', { name: /Acknowledge|Silence|silence/ }).filter({ visible: true }).count(), 0);
  await shows(page, '.item', /Failing.*ops webhook.*connection refused/);
  assert.equal(await page.evaluate(() => globalThis.__pwned), undefined);
  await row(page, 'main').getByRole('link').click();
  await shows(page, 'h1', 'main');
  await shows(page, '#rail .count.fire', '2');
  assert.deepEqual(page.wrong, []);
  await page.close();
  await own.stop();
});

test('an operator takes an alert on, silences another, and ends the silence; each is asked first and done when the monitor says so', async () => {
  const own = await troubled();
  const page = await open(context, asOperator(own));
  await shows(page, '.cols-alert', 'Critical');
  assert.doesNotMatch(page.url(), /token/);
  await row(page, 'main').getByRole('button', { name: 'Acknowledge' }).click();
  await shows(page, 'dialog h2', 'Take on “down” of main (shop)?');
  // Without a reason nothing is sent.
  await page.locator('dialog button[type=submit]').click();
  assert.equal(await page.locator('dialog[open]').count(), 1);
  await page.locator('dialog input').fill('I am at it');
  await page.keyboard.press('Enter');
  await shows(page, '.cols-alert .who', /taken on by operator.*I am at it/);
  // The button is gone: reading goes on at the screen.
  await page.waitForFunction(() => document.activeElement.id === 'main');
  assert.equal(await page.locator('dialog').count(), 0);
  assert.equal(await row(page, 'main').getByRole('button', { name: 'Acknowledge' }).count(), 0);

  await row(page, NAME).getByRole('button', { name: 'Silence…' }).click();
  await page.getByLabel('Why?').fill('new disks');
  await page.getByLabel('This is maintenance').check();
  await page.getByLabel('For').selectOption({ label: '2 hours' });
  await page.locator('dialog button[type=submit]').click();
  await shows(page, '.item', /Maintenance.*down of <img.*by operator: new disks/);
  await shows(page, '.cols-alert .st', /Silenced.*critical/);
  const told = await (await fetch(`${own.url}api/alerts`)).json();
  assert.deepEqual(told.silences.map(({ why, maintenance, project, replica, condition }) => [why, maintenance, project, replica, condition]), [['new disks', true, 'shop', NAME, 'down']]);
  assert.equal(told.silences[0].until - told.silences[0].at, 2 * 3_600_000);

  await page.getByRole('button', { name: /^End the silence/ }).click();
  await page.locator('dialog button[type=submit]').click();
  await shows(page, '#screen', 'Nothing is silenced.');
  assert.equal(await page.evaluate(() => globalThis.__pwned), undefined);
  await go(page, '#/activity');
  await shows(page, '.ar', /Audit.*alerts\.unsilence/);
  assert.deepEqual(page.wrong, []);
  await page.close();
  await own.stop();
});

test('what the monitor refuses is said inside the dialog, and what was typed is kept', async () => {
  const own = await troubled();
  const page = await open(context, asOperator(own));
  await page.getByRole('button', { name: 'New silence…' }).click();
  await shows(page, 'dialog', 'This covers every alert there is.');
  await page.getByLabel('Only of this replica').fill('main');
  await page.getByLabel('Why?').fill('no project');
  await page.locator('dialog button[type=submit]').click();
  await shows(page, 'dialog [role=alert]', 'a replica is named with its project');
  assert.equal(await page.getByLabel('Only of this replica').inputValue(), 'main');
  await page.getByLabel('Only of this project').fill('shop');
  await page.locator('dialog button[type=submit]').click();
  await shows(page, '.item', 'every condition of main (shop)');
  // The button that led here may be taken away long after: reading goes on at the screen, not at the top of the page.
  const again = page.getByRole('button', { name: 'New silence…' });
  await again.click();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement.textContent === 'New silence…' && !document.querySelector('dialog'));
  await again.evaluate((button) => button.remove());
  await page.waitForFunction(() => document.activeElement.id === 'main');
  await own.stop();
  // With the link goes what could be done over it.
  await shows(page, '#live-word', 'Disconnected');
  await page.waitForFunction(() => [...document.querySelectorAll('.acts button:not(.icon)')].every((button) => button.disabled));
  await page.close();
});

test('what is over is shown as resolved, what the filter leaves is counted, and details tell all', async () => {
  const dir = folder();
  const tree = join(dir, 'tree.json');
  writeFileSync(tree, '{"replicas": {"shop": {"m": {"role": "master"}, "x": 1}}}');
  writeFileSync(join(dir, 'whom.json'), '{"clear": "0s", "conditions": {"tree": {"after": "0s"}}}');
  const own = await monitor(tree, { alerts: join(dir, 'whom.json'), 'state-dir': join(dir, 'state') });
  const page = await open(context, `${own.url}#/alerts`);
  await shows(page, '.cols-alert .st', 'Warning');
  await shows(page, '#screen', 'started without an operator’s token');
  await shows(page, '#screen', 'No channel is named, so nobody is told');
  writeFileSync(tree, '{"replicas": {"shop": {"m": {"role": "master"}}}}');
  await shows(page, '.cols-alert .st', 'Resolved');
  await page.getByRole('button', { name: /^All about tree/ }).click();
  await shows(page, 'dialog', /Stateresolved.*The tree has problems.*Resolved\d/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Firing 0/ }).click();
  await shows(page, '#screen', 'The filter leaves nothing of 1 alert');
  assert.match(await page.evaluate(() => location.hash), /state=firing/);
  assert.deepEqual(page.wrong, []);
  await page.close();
  await own.stop();
});

test('a frozen page stands still, so it takes no command, and says so', async () => {
  const own = await troubled();
  const page = await open(context, asOperator(own));
  await shows(page, '.acts', 'Acknowledge');
  await page.keyboard.press('f');
  await shows(page, '#screen', 'The page is frozen: resume it first');
  const ready = () => page.locator('.acts button:not(.icon):enabled').count();
  assert.equal(await ready(), 0);
  await page.keyboard.press('f');
  await page.waitForFunction(() => document.querySelectorAll('.acts button:not(.icon):enabled').length > 0);
  assert.deepEqual(page.wrong, []);
  await page.close();
  await own.stop();
});

test('a screen whose file does not come says so', async () => {
  const own = await troubled();
  await context.route('**/js/views/alerts.js', (route) => route.abort());
  const page = await open(context, `${own.url}#/alerts`);
  await shows(page, '#screen', 'This screen could not be loaded');
  await context.unroute('**/js/views/alerts.js');
  await page.getByRole('button', { name: 'Reload the page' }).click();
  await shows(page, '.cols-alert', 'Critical');
  await page.close();
  await own.stop();
});

test('where alerts are off, that is said', async () => {
  const own = await troubled({ alerts: 'off' });
  const page = await open(context, `${own.url}#/alerts`);
  await shows(page, '#screen', 'started with --alerts off');
  assert.equal(await page.locator('#rail .count.fire').count(), 0);
  assert.deepEqual(page.wrong, []);
  await page.close();
  await own.stop();
});

for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`axe finds nothing on the screen of alerts and in its dialogs: ${size}`, async () => {
    const own = await troubled();
    const page = await open(context, asOperator(own), { viewport });
    const clean = async (what) => {
      for (const colorScheme of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme });
        await drawn(page);
        assert.deepEqual(await axe(page), [], `${what}, ${colorScheme}`);
      }
      assert.equal(await sideways(page), 0, `${what} scrolls sideways`);
    };
    await shows(page, '.item', 'Failing');
    await page.getByText('What is looked for').click();
    await clean('alerts');
    for (const name of ['Acknowledge', 'Silence…', 'All about']) {
      await row(page, 'main').getByRole('button', { name }).click();
      await page.waitForSelector('dialog[open]');
      await clean(name);
      await page.keyboard.press('Escape');
    }
    assert.deepEqual(page.wrong, []);
    await page.close();
    await own.stop();
  });
}
