/**
 * What servers say of themselves: the detail screen shows it and keeps it current, drift comes and
 * goes, the topology draws who really feeds whom, and nothing of it is ever run.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DESKTOP, PHONE, axe, browser, closeAll, fleet, open, shows, sideways } from './support.mjs';

let context;
let app;
before(async () => {
  context = await browser();
  app = await fleet({ replicas: 20, change: 2, every: 400, observed: true });
});
after(closeAll);

const replica = (r) => `${app.url}#/replicas/project-00000/replica-0-${r}`;

test('the detail screen tells why, from where, how long still, and by what evidence', async () => {
  const page = await open(context, replica(1));
  await shows(page, '#screen', 'replay is paused: somebody did it');
  await shows(page, '#screen', 'about 3 h 3 m until it needs a full resync');
  await shows(page, '#screen', 'The server\'s own figure disagrees');
  await shows(page, '#screen', '3 of 97 in use');
  const position = () => page.locator('table.plain tbody tr').first().textContent();
  const first = await position();
  await page.waitForFunction((old) => document.querySelector('table.plain tbody tr')?.textContent !== old, first);
  await page.getByRole('link', { name: 'replica-0-0 (project-00000)' }).click();
  await shows(page, 'h1', 'replica-0-0');
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('a missing grant comes with the statement, a stranger with its entry', async () => {
  const page = await open(context, replica(4));
  await shows(page, 'pre', 'GRANT pg_monitor TO <role>;');
  await page.close();
  const master = await open(context, replica(0));
  await shows(master, 'pre', '"forgotten"');
  assert.deepEqual(master.wrong, []);
  await master.close();
});

test('drift appears where an operator looks first, and goes', async () => {
  const page = await open(context, `${app.url}#/overview`);
  const told = (wanted) => page.waitForFunction((yes) => document.getElementById('screen').textContent.includes('A slave that takes writes') === yes, wanted);
  await told(true);
  await told(false);
  await shows(page, '#screen', 'agrees with its tree again');
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('the topology draws one line for each stream, also between replicas and projects', async () => {
  const page = await open(context, `${app.url}#/topology?show=replication`);
  await shows(page, '.topo', 'feeds replica-0-5');
  const lines = await page.locator('.topo path.edge').count();
  // Nine slaves in each of two projects, and one stream from each project into the other.
  assert.equal(lines, 2 * 9 + 2);
  assert.ok((await page.locator('.topo path.edge.e-lagging').count()) >= 4);
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('what a server says is text', async () => {
  for (const r of [0, 3]) {
    const page = await open(context, replica(r));
    await shows(page, '#screen', '<img src=x onerror=globalThis.__pwned=1>');
    assert.equal(await page.evaluate(() => globalThis.__pwned), undefined);
    assert.deepEqual(page.wrong, []);
    await page.close();
  }
});

for (const scheme of ['dark', 'light']) {
  for (const [size, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    test(`axe finds nothing in ${scheme} on a ${size}`, async () => {
      for (const hash of ['overview', 'topology', 'replicas/project-00000/replica-0-0', 'replicas/project-00000/replica-0-1', 'replicas/project-00000/replica-0-4', 'replicas/project-00000/replica-0-5']) {
        const page = await open(context, `${app.url}#/${hash}`, { scheme, viewport });
        if (hash.startsWith('replicas')) await shows(page, '#h-evidence', 'Evidence');
        assert.deepEqual(await axe(page), [], hash);
        assert.equal(await sideways(page), 0, `${hash} scrolls sideways`);
        await page.close();
      }
    });
  }
}
