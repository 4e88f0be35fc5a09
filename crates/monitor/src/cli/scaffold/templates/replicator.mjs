// Keeps the rules of the tree going, without a page: `replica-monitor run`.
//
//   node services/replicator.mjs [rule] [flags]        starts `replica-monitor run [rule] [flags]` and ends with it
//
// The program is MONITOR_BIN, or else `replica-monitor` found in PATH. It reads its settings itself: MONITOR_TREE and
// REPLICATOR_INTERVAL_MS, from the environment, then from .mostajs/config.env, then from .env. Needs Node 18 or later
// and no package. Beside the page the monitor keeps the rules going itself, with --rules or MONITOR_RULES=1.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';

const binary = process.env.MONITOR_BIN || 'replica-monitor';
let child;

// Before the start: a signal that comes meanwhile must not leave the rules running alone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child?.kill(signal));

child = spawn(binary, ['run', ...process.argv.slice(2)], { stdio: 'inherit', windowsHide: true });
child.on('error', (error) => {
  console.error(`replicator: cannot start ${JSON.stringify(binary)}: ${error.message}; install replica-monitor into a folder of PATH, or set MONITOR_BIN to its path`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
