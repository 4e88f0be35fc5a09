// Starts the replica monitor beside this application, and lets the application tell it what happened.
//
//   node services/monitor.mjs [flags]                  starts `replica-monitor [flags]` and ends with it
//   import { emit } from './services/monitor.mjs'      starts nothing
//
// The program is MONITOR_BIN, or else `replica-monitor` found in PATH. It reads its settings itself:
// MONITOR_PORT, MONITOR_HOST, MONITOR_TOKEN, MONITOR_OPERATOR_TOKEN, MONITOR_TREE and MONITOR_POLL_MS, from the
// environment, then from .mostajs/config.env, then from .env. Needs Node 18 or later and no package.

import { spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ENV_FILES = ['.mostajs/config.env', '.env'];
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Tells the running monitor that something happened, for example
 * `await emit({ type: 'rule.sync.start', rule: 'crm-to-stock' })`.
 *
 * Finds the monitor at MONITOR_URL, or else at MONITOR_HOST and MONITOR_PORT, and shows it
 * MONITOR_OPERATOR_TOKEN, which must be the one that the monitor was started with.
 *
 * @param {{ type: string, [field: string]: unknown }} event what happened
 * @param {{ timeoutMs?: number }} [options] how long to wait for the answer (5000)
 * @returns {Promise<boolean>} true: the monitor took it; false: no monitor answered in time, so that an
 *   application need not fail because nobody is watching it
 * @throws {Error} when the token is not set, or with the monitor's reason when it refuses the event
 */
export async function emit(event, { timeoutMs = 5000 } = {}) {
  const settings = readSettings();
  const token = settings.MONITOR_OPERATOR_TOKEN;
  if (!token) {
    throw new Error('emit: MONITOR_OPERATOR_TOKEN is not set; give the monitor and this process the same one');
  }
  const request = new Request(`${monitorUrl(settings)}/api/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
    redirect: 'manual',
  });
  const answer = await send(request, timeoutMs);
  if (answer === null) return false;
  if (answer.ok) return true;
  throw new Error(`emit: the monitor answered ${answer.status}: ${answer.reason}`);
}

/** Sends the request; null when no answer arrived in time. */
async function send(request, timeoutMs) {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(timeoutMs) });
    return { ok: response.ok, status: response.status, reason: reasonIn(await response.text()) };
  } catch {
    return null;
  }
}

/** What a refusal says: the `error` of a JSON body, or else the body itself. */
function reasonIn(body) {
  try {
    return JSON.parse(body).error ?? body;
  } catch {
    return body;
  }
}

/** Where the monitor answers; one that listens on every address is reached through the loopback one. */
function monitorUrl({ MONITOR_URL: url, MONITOR_HOST: host, MONITOR_PORT: port }) {
  if (url) return url.replace(/\/+$/, '');
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? (host || '127.0.0.1');
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port || 14499}`;
}

/** The environment, completed from the files that the program reads too; what is set already wins. */
function readSettings() {
  const settings = { ...process.env };
  for (const file of ENV_FILES) {
    for (const [name, value] of assignmentsIn(file)) settings[name] ??= value;
  }
  return settings;
}

/** The NAME=value lines of a file; none when it cannot be read. */
function assignmentsIn(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const lines = text.matchAll(/^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*(.*?)[ \t]*\r?$/gm);
  return Array.from(lines, ([, name, value]) => [name, unquoted(value)]);
}

/** A value without its quotes, or without the comment behind it. */
function unquoted(value) {
  const quoted = /^(["'])(.*?)\1/.exec(value);
  return quoted ? quoted[2] : value.replace(/(^|\s+)#.*$/, '');
}

/** Runs the monitor in the foreground and ends as it ends. */
function launch(args) {
  const binary = process.env.MONITOR_BIN || 'replica-monitor';
  let child;
  // Before the start: a signal that comes meanwhile must not leave the monitor running alone.
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child?.kill(signal));
  try {
    child = spawn(binary, args, { stdio: 'inherit', windowsHide: true });
  } catch (error) {
    explain(binary, error);
    return;
  }
  child.on('error', (error) => explain(binary, error));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

/** Says why the program could not be started, and ends with 1. */
function explain(binary, error) {
  const advice =
    error.code === 'ENOENT'
      ? 'it is not there; install replica-monitor into a folder of PATH, or set MONITOR_BIN to its path'
      : `${error.message}; MONITOR_BIN (or PATH) must lead to the replica-monitor program for this system`;
  console.error(`monitor: cannot start ${JSON.stringify(binary)}: ${advice}`);
  process.exitCode = 1;
}

/** Whether node was started with this very file, rather than with one that imports it. */
function isMain() {
  try {
    return realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url));
  } catch {
    return false;
  }
}

if (isMain()) launch(process.argv.slice(2));
