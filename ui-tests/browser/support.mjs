/**
 * What the browser tests share: the real programs, a real Chromium, and pages that write down
 * everything that goes wrong in them.
 *
 * The programs are the release build, else the debug build, or what RM_BIN and RM_FLEET name. Ports
 * are whatever the system gives. Nothing here sleeps: every wait has a condition and a deadline.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
/** How long a condition may take to come true, ms: generous, because machines are busy. */
export const PATIENCE = 20_000;

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** No GPU, no sandbox (containers have none to give), and nothing that calls home. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--js-flags=--expose-gc'];

const target = (path) => fileURLToPath(new URL(`../../target/${path}`, import.meta.url));

function program(variable, path) {
  const named = process.env[variable];
  const found = named ? [named].filter(existsSync)[0] : ['release', 'debug'].map((build) => target(`${build}/${path}`)).find(existsSync);
  if (found) return found;
  throw new Error(named ? `${variable} names ${named}, which does not exist` : `there is no ${path}: run "cargo build --release --bins --examples -p replica-monitor", or name it with ${variable}`);
}

/**
 * @typedef {object} Server
 * @property {string} url with a slash at the end
 * @property {number} port
 * @property {number} pid
 * @property {() => Promise<void>} stop
 */

/** What was opened and not closed yet, newest last. @type {Set<() => Promise<void>>} */
const opened = new Set();

/** Closes what a test left open, however it ended: `after(closeAll)` in every file. */
export async function closeAll() {
  for (const close of [...opened].reverse()) await close();
}

/** @template {() => Promise<void>} T @param {T} close */
function closing(close) {
  const release = async () => {
    if (opened.delete(release)) await close();
  };
  opened.add(release);
  return release;
}

/** Starts a program and waits for the address it prints. @returns {Promise<Server>} */
async function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, MONITOR_LOG: 'off' } });
  const ended = once(child, 'exit');
  const stop = closing(async () => {
    child.kill();
    await ended;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /(https?:\/\/\S+\/)/.exec(line)?.[1];
    if (url) return { url, port: Number(new URL(url).port), stop, pid: child.pid };
  }
  throw new Error(`${command} ${args.join(' ')} ended before it printed its address`);
}

/** `{ replicas: 10, hostile: true }` → `--replicas 10 --hostile` */
const flags = (options) => Object.entries(options).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]));

/** The made-up fleet: `{ replicas, change, every, hostile, token, port, 'hang-at' }`. */
export const fleet = (options = {}) => start(program('RM_FLEET', 'examples/fleet'), flags(options));

/** The monitor itself, on a tree file. */
export const monitor = (tree, options = {}) => start(program('RM_BIN', 'replica-monitor'), flags({ tree, port: 0, poll: 500, ...options }));

/** Runs a command of the monitor to its end. */
export const command = (...args) => execFileSync(program('RM_BIN', 'replica-monitor'), args, { encoding: 'utf8' });

/** A folder of its own, gone in the end. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'replica-monitor-ui-'));
  closing(async () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A browser with a profile of its own: no cookie, no preference, no cache. */
export async function browser(options = {}) {
  const context = await chromium.launchPersistentContext(folder(), { executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true, args: FLAGS, viewport: DESKTOP, timezoneId: 'UTC', ...options });
  closing(() => context.close());
  return context;
}

/**
 * Opens an address of the page. What goes wrong in it is written down in `page.wrong`.
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} url
 * @param {{ viewport?: { width: number, height: number }, scheme?: 'dark' | 'light', ready?: boolean, prepare?: () => void }} [how]
 *   `prepare` runs in the page before its own scripts
 */
export async function open(context, url, { viewport, scheme, ready = true, prepare } = {}) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  // A refused connection is the browser's own words, not the page's.
  page.on('console', (message) => message.type() === 'error' && !/net::ERR_|status of 401/.test(message.text()) && page.wrong.push(message.text()));
  await page.exposeFunction('violated', (directive) => page.wrong.push(`policy: ${directive}`));
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => globalThis.violated(`${event.violatedDirective} ${event.blockedURI}`)));
  if (prepare) await page.addInitScript(prepare);
  if (viewport) await page.setViewportSize(viewport);
  if (scheme) await page.emulateMedia({ colorScheme: scheme });
  await page.goto(url);
  if (ready) await live(page);
  return page;
}

/** Waits until the page follows the monitor. */
export const live = (page) => page.waitForFunction(() => document.getElementById('live-word').textContent === 'Live' && document.querySelector('#screen h1, #screen h2'));

/** Goes to another screen of an open page, and waits for it. */
export async function go(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
  await drawn(page);
  // Some screens are loaded when they are first opened.
  await page.waitForFunction(() => !document.querySelector('#screen [aria-busy=true]'));
}

/** Two frames: what was asked for has been laid out and painted. */
export const drawn = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));

/** Waits until an element holds a text. @param {string | RegExp} text */
export async function shows(page, selector, text) {
  const wanted = text instanceof RegExp ? { source: text.source, flags: text.flags } : { source: text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), flags: '' };
  try {
    await page.waitForFunction(({ selector: own, source, flags: how }) => [...document.querySelectorAll(own)].some((el) => el.checkVisibility() && new RegExp(source, how).test(el.textContent)), { selector, ...wanted });
  } catch (error) {
    throw new Error(`"${selector}" never showed ${text}; it shows: ${(await page.locator(selector).allTextContents()).join(' | ').slice(0, 300)}`, { cause: error });
  }
}

/** What axe finds wrong, one line each. */
export async function axe(page) {
  // Through the debugger, because the page's own policy lets nobody evaluate strings.
  page.cdp ??= await page.context().newCDPSession(page);
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.cdp.send('Runtime.evaluate', { expression: AXE });
  return page.evaluate(async (values) => {
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).slice(0, 3).join('  ')}`);
  }, AXE_TAGS);
}

/** How many pixels the page can be scrolled sideways: none, ever. */
export const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Every screen, by name. `first` and `second` are a replica and a rule of the made-up fleet. */
export const SCREENS = {
  overview: '#/overview',
  replicas: '#/replicas',
  'replicas as cards': '#/replicas?view=cards',
  'replicas of one list': '#/replicas?group=none&sort=lag',
  'replicas, filter too narrow': '#/replicas?q=no-such-thing',
  'a master': '#/replicas/project-00000/replica-0-0',
  'a slave': '#/replicas/project-00000/replica-0-1',
  'a replica that is down': '#/replicas/project-00000/replica-0-7',
  'a replica that is not there': '#/replicas/nowhere/nothing',
  rules: '#/rules',
  'rules, filter too narrow': '#/rules?q=no-such-thing',
  'a rule': '#/rules/rule-1',
  'a rule that is not there': '#/rules/nothing',
  activity: '#/activity',
  'activity, filter too narrow': '#/activity?q=no-such-thing',
  topology: '#/topology',
  'topology as a tree': '#/topology?view=tree',
  history: '#/history',
  alerts: '#/alerts',
  'alerts, filter too narrow': '#/alerts?q=no-such-thing',
  settings: '#/settings',
  'no such screen': '#/nonsense',
};
