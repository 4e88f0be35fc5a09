/**
 * Draws docs/screenshot.png, the picture in the README:
 *
 *   node ui-tests/screenshot.mjs [where] [hash]
 */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browser, closeAll, fleet, open } from './browser/support.mjs';

const [where = fileURLToPath(new URL('../docs/screenshot.png', import.meta.url)), hash = '#/overview'] = process.argv.slice(2);
/** A point a second: the sparklines are full after half a minute. */
const FULL = 30;

const app = await fleet({ replicas: 80, change: 23, every: 1000, familiar: true });
try {
  const page = await open(await browser(), `${app.url}#/replicas`, { scheme: 'dark' });
  await page.waitForFunction((points) => [...document.querySelectorAll('.spark path:not(.gap)')].some((line) => line.getAttribute('d')?.match(/[ML]/g)?.length >= points), FULL, { timeout: 60_000 });
  await page.evaluate((to) => (location.hash = to), hash);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.screenshot({ path: where });
  console.log(`${where}: ${Math.round(statSync(where).size / 1024)} KB`);
} finally {
  await closeAll();
}
