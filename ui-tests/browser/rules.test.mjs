/**
 * Rules that the monitor itself keeps going, in a real browser and between real files: what they do, what stands in their way.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DESKTOP, PHONE, axe, browser, closeAll, folder, go, monitor, open, shows, sideways } from './support.mjs';

let context;
let own;

before(async () => {
  context = await browser();
  const dir = folder();
  const end = (name) => ({ m: { role: 'master', dialect: 'sqlite', uri: join(dir, `${name}.db`) } });
  // An empty file is a database without tables.
  for (const name of ['shop', 'mirror']) writeFileSync(join(dir, `${name}.db`), '');
  const rule = (target, mode) => ({ source: 'shop', target, mode, collections: ['*'] });
  const tree = join(dir, 'tree.json');
  writeFileSync(tree, JSON.stringify({
    replicas: { shop: end('shop'), mirror: end('mirror'), lost: end('lost') },
    rules: { copy: rule('mirror', 'cdc'), 'to nowhere': rule('lost', 'cdc'), ways: rule('mirror', 'bidirectional') },
  }));
  own = await monitor(tree, { rules: true, 'state-dir': join(dir, 'state') });
});
after(closeAll);

for (const [name, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`each rule tells what it does (${name})`, async () => {
    const page = await open(context, own.url, { viewport });
    await go(page, '#/rules');
    await shows(page, '[role=table]', 'streaming · lag 0 ms');
    await shows(page, '[role=table]', 'Failing');
    await shows(page, '[role=table]', 'the target: there is no such file');
    await shows(page, '[role=table]', 'shop ⇄ mirror');
    assert.equal(await sideways(page), 0);
    assert.deepEqual(await axe(page), []);
    await page.close();
  });
}

test('one rule tells its phase and its reason', async () => {
  const page = await open(context, own.url, { viewport: DESKTOP });
  await go(page, '#/rules/copy');
  await shows(page, '.dl', 'streaming');
  await go(page, '#/rules/to%20nowhere');
  await shows(page, '.dl', 'waiting: the target: there is no such file');
  await page.close();
});
