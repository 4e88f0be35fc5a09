/**
 * Measures the page against its time and size budgets and prints a table:
 *
 *   node ui-tests/budgets.mjs [replicas…]      (1000 and 10000 unless told otherwise)
 *
 * Every replica's lag changes every two seconds. Run it on a quiet machine with the release build:
 * figures are medians of five cold browsers, or of ten steady seconds. It fails nothing.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { loadavg } from 'node:os';
import { get } from 'node:http';
import { DESKTOP, browser, closeAll, fleet, live, open } from './browser/support.mjs';

const COLD_RUNS = 5;
const STEADY = 10_000;

const sorted = (values) => [...values].sort((a, b) => a - b);
const at = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))];
const round = (value, digits = 0) => Math.round(value * 10 ** digits) / 10 ** digits;

/** Notes when the first replica was painted. Runs in the page, before its scripts. */
function watchFirstRow() {
  const watcher = new MutationObserver(() => {
    if (!document.querySelector('.vl .badge')) return;
    watcher.disconnect();
    requestAnimationFrame(() => setTimeout(() => (globalThis.__firstRow = performance.now())));
  });
  watcher.observe(document, { childList: true, subtree: true });
}

/** From the navigation to the first painted row, in a browser that has never seen the page. */
async function coldStart(url) {
  const context = await browser();
  const page = await open(context, `${url}#/replicas`, { prepare: watchFirstRow });
  await page.waitForFunction(() => globalThis.__firstRow);
  const first = await page.evaluate(() => globalThis.__firstRow);
  const wire = await page.evaluate(() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).reduce((sum, entry) => sum + entry.transferSize, 0));
  await context.close();
  return { first, wire };
}

/** Proportional memory of the heaviest renderer that this process started, MB. NaN where there is no /proc. */
function rendererMemory() {
  const found = [];
  const visit = (pid) => {
    const read = (file) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    if (read('cmdline').includes('--type=renderer')) found.push(Number(/^Pss:\s+(\d+)/m.exec(read('smaps_rollup'))[1]) / 1024);
    for (const child of read(`task/${pid}/children`).split(' ').filter(Boolean)) visit(child);
  };
  try {
    visit(process.pid);
  } catch {
    // A process ended meanwhile, or this is another system: what was found counts.
  }
  return found.length ? Math.max(...found) : NaN;
}

/** Ten seconds in which nobody does anything. A frame loop runs along, as it does while somebody scrolls. */
async function steady(page, cdp) {
  await page.evaluate(() => {
    globalThis.__long = [];
    new PerformanceObserver((list) => globalThis.__long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
    const frame = () => requestAnimationFrame(frame);
    frame();
    globalThis.__flush.length = 0;
  });
  const cpu = async () => (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'ThreadTime').value * 1000;
  const [before, started] = [await cpu(), Date.now()];
  await pause(STEADY);
  const used = ((await cpu()) - before) / ((Date.now() - started) / 1000);
  const { flush, long } = await page.evaluate(() => ({ flush: [...globalThis.__flush], long: globalThis.__long }));
  return { cpu: used, flushP50: at(flush, 0.5), flushP95: at(flush, 0.95), flushWorst: Math.max(...flush), longTasks: long.length, longest: Math.max(0, ...long) };
}

/** The worst time from a key to the paint that answers it. */
async function keys(page) {
  await page.evaluate(() => {
    globalThis.__keys = [];
    new PerformanceObserver((list) => globalThis.__keys.push(...list.getEntries().filter(({ name }) => name === 'keydown').map(({ duration }) => duration))).observe({ type: 'event', durationThreshold: 16 });
  });
  for (const key of ['j', 'j', 'k', '/', 'r', 'e', '7', 'Backspace', 'Escape', 'f', 'f']) {
    await page.keyboard.press(key);
    await pause(300);
  }
  return Math.max(0, ...(await page.evaluate(() => globalThis.__keys)));
}

/** Filter, sort and layout of all rows: what one typed letter costs before the paint. */
const filters = (page) => page.evaluate(() => {
  const input = document.getElementById('filter');
  const times = ['r', 're', '7', 'master', 'project-0 slave', ''].map((text) => {
    input.value = text;
    const start = performance.now();
    input.dispatchEvent(new Event('input'));
    return performance.now() - start;
  });
  return Math.max(...times);
});

/** Bytes that an address answers in a time, or to its end. */
function bytes(url, headers, ms = 60_000) {
  return new Promise((resolve, reject) => {
    let sum = 0;
    const request = get(url, { headers }, (response) => {
      response.on('data', (chunk) => (sum += chunk.length));
      response.on('close', () => resolve(sum));
    });
    request.on('error', reject);
    setTimeout(() => request.destroy(), ms).unref();
  });
}

async function measure(replicas) {
  const app = await fleet({ replicas, change: Math.ceil(replicas / 8), every: 250 });
  const load = loadavg()[0];
  const cold = [];
  for (let k = 0; k < COLD_RUNS; k++) cold.push(await coldStart(app.url));
  const context = await browser({ viewport: DESKTOP });
  const page = await open(context, `${app.url}#/replicas`);
  await live(page);
  const cdp = await context.newCDPSession(page);
  await cdp.send('Performance.enable');
  const calm = await steady(page, cdp);
  const { rows, elements } = await page.evaluate(() => ({ rows: document.querySelectorAll('.vl > *').length, elements: document.querySelectorAll('*').length }));
  const key = await keys(page);
  const filter = await filters(page);
  await cdp.send('HeapProfiler.collectGarbage');
  const heap = (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 2 ** 20;
  const memory = rendererMemory();
  await context.close();
  const stream = (await bytes(`${app.url}api/live`, {}, STEADY)) / (STEADY / 1000);
  const [raw, packed] = [await bytes(`${app.url}api/snapshot`, {}), await bytes(`${app.url}api/snapshot`, { 'accept-encoding': 'gzip' })];
  await app.stop();
  return {
    'load average': round(load, 1),
    'first row painted, cold: median, ms': round(at(cold.map(({ first }) => first), 0.5)),
    'first row painted, cold: range, ms': `${round(Math.min(...cold.map(({ first }) => first)))} to ${round(Math.max(...cold.map(({ first }) => first)))}`,
    'over the wire for the page, kB': round(cold[0].wire / 1000, 1),
    'flush p50, ms': round(calm.flushP50, 2),
    'flush p95, ms': round(calm.flushP95, 2),
    'flush worst, ms': round(calm.flushWorst, 2),
    'main thread cpu with a frame loop, ms/s': round(calm.cpu),
    'long tasks in 10 s': calm.longTasks,
    'longest of them, ms': round(calm.longest),
    'rows in the document': rows,
    'elements in the document': elements,
    'key to paint, worst, ms': key,
    'filter + sort + layout, worst, ms': round(filter, 1),
    'heap after collecting, MB': round(heap, 1),
    'renderer PSS, MB': round(memory),
    'stream, kB/s': round(stream / 1000, 1),
    'snapshot raw, kB': round(raw / 1000),
    'snapshot gzip, kB': round(packed / 1000),
  };
}

const sizes = process.argv.slice(2).map(Number);
const columns = [];
try {
  for (const replicas of sizes.length ? sizes : [1000, 10_000]) columns.push([replicas, await measure(replicas)]);
} finally {
  await closeAll();
}
console.log(`| figure | ${columns.map(([replicas]) => `${replicas} replicas`).join(' | ')} |\n|---|${columns.map(() => '---|').join('')}`);
for (const figure of Object.keys(columns[0][1])) console.log(`| ${figure} | ${columns.map(([, found]) => found[figure]).join(' | ')} |`);
