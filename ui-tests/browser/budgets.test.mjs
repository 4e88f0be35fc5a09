/**
 * What must stay small however many replicas there are: rows, elements, heap. Times depend on the
 * machine; budgets.mjs measures and prints them, nothing here fails because a neighbour is busy.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, closeAll, drawn, fleet, go, open, shows } from './support.mjs';

let context;
before(async () => (context = await browser()));
after(closeAll);

const LIMITS = { rows: 60, elements: 6000, heap: 16 };

/** Rows, elements and heap (MB, after collecting garbage) of a page. */
async function weigh(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 2 ** 20;
  return { ...(await page.evaluate(() => ({ rows: document.querySelectorAll('.vl > *').length, elements: document.querySelectorAll('*').length }))), heap: Math.round(heap * 10) / 10 };
}

for (const replicas of [1000, 10_000]) {
  test(`${replicas} replicas: few rows, few elements, little heap, on every screen`, async () => {
    const app = await fleet({ replicas, change: replicas / 8, every: 250 });
    const page = await open(context, `${app.url}#/replicas`);
    const told = {};
    for (const hash of ['#/replicas', '#/replicas?group=none&sort=lag', '#/replicas?view=cards', '#/rules', '#/activity', '#/topology', '#/topology?view=tree', '#/alerts', '#/overview']) {
      await go(page, hash);
      await shows(page, '#screen h1', /\S/);
      const seen = (told[hash] = await weigh(page));
      for (const [what, limit] of Object.entries(LIMITS)) assert.ok(seen[what] <= limit, `${hash}: ${seen[what]} ${what}, at most ${limit}`);
    }
    console.log(`${replicas} replicas`, told);
    assert.deepEqual(page.wrong, []);
    await page.close();
    await app.stop();
  });
}

test('scrolling through ten thousand replicas shows them all and keeps few', async () => {
  const app = await fleet({ replicas: 10_000, change: 1250, every: 250 });
  const page = await open(context, `${app.url}#/replicas?group=none&sort=name`);
  await shows(page, '.vl', 'replica-0-0');
  for (const share of [0.1, 0.5, 0.9, 1]) {
    await page.evaluate((to) => scrollTo(0, document.documentElement.scrollHeight * to), share);
    await drawn(page);
    const covered = await page.evaluate(() => {
      const boxes = [...document.querySelectorAll('.vl > *')].map((el) => el.getBoundingClientRect());
      return { rows: boxes.length, below: Math.max(...boxes.map((box) => box.bottom)), list: document.querySelector('.vl').getBoundingClientRect().bottom, height: innerHeight };
    });
    assert.ok(covered.rows <= LIMITS.rows, String(covered.rows));
    assert.ok(covered.below >= Math.min(covered.height, covered.list) - 1, JSON.stringify(covered));
  }
  await shows(page, '.vl', 'replica-999-9');
  assert.equal(await page.getAttribute('[role=table]', 'aria-rowcount'), '10001');
  await page.close();
  await app.stop();
});
