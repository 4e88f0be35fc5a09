/**
 * The files of the page as they are shipped: small, without a sink for HTML strings, and told to
 * the browser in advance, but for those that are loaded when somebody wants them.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const WEB = fileURLToPath(new URL('../../crates/monitor/web/', import.meta.url));
const files = readdirSync(WEB, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.replaceAll('//', '/').slice(WEB.length));
const read = (file) => readFileSync(WEB + file, 'utf8');
const gzipped = (some) => some.reduce((sum, file) => sum + gzipSync(readFileSync(WEB + file), { level: 9 }).length, 0);
const ending = (end) => files.filter((file) => file.endsWith(end));

/** A file and everything that it imports: what the browser loads before it runs. */
function loads(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, other] of read(file).matchAll(/^import [^\n]*'(\.[^']+)';/gm)) loads(posix.join(posix.dirname(file), other), found);
  return found;
}

/** Of the page, and of the worker that it starts. */
const first = [...new Set([...loads('js/main.js'), ...loads('js/core/hub.js')])];

/** As written, with comments: there is no build step that could strip them. A ratchet, to be raised knowingly. */
const LIMITS = [
  ['scripts of the first load', first, 80_000],
  ['all scripts', ending('.js'), 115_000],
  ['style', ending('.css'), 10_000],
  ['document', ending('.html'), 4000],
];

test('bytes stay in budget, packed file by file as they travel', () => {
  for (const [what, some, limit] of LIMITS) {
    const measured = gzipped(some);
    console.log(`${what}: ${measured} bytes gzipped, at most ${limit}`);
    assert.ok(measured <= limit, `${what}: ${measured}`);
  }
});

test('nothing turns text into markup or code, and nothing comes from elsewhere', () => {
  for (const file of files) {
    const found = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|DOMParser|setHTMLUnsafe| style="/.exec(read(file));
    assert.equal(found?.[0], undefined, file);
    const elsewhere = /\b(?:src|href|from|import|fetch)\b[^\n]{0,12}https?:\/\//.exec(read(file));
    assert.equal(elsewhere?.[0], undefined, file);
  }
});

test('the shell names every module of the first load in advance, so none is found late, and no other', () => {
  const named = [...read('index.html').matchAll(/modulepreload" href="__ASSETS__\/([^"]+)/g)].map(([, file]) => file);
  assert.deepEqual(named.sort(), first.filter((file) => !['js/main.js', 'js/core/hub.js'].includes(file)).sort());
});

test('what is loaded later is there, and nothing is shipped that nobody loads', () => {
  const later = ending('.js').flatMap((file) => [...read(file).matchAll(/=> import\('(\.[^']+)'\)|= import\('(\.[^']+)'\)/g)].map(([, by, own]) => posix.join(posix.dirname(file), by ?? own)));
  assert.ok(later.length >= 4, String(later));
  const reached = new Set([...first, ...later.flatMap((file) => [...loads(file)])]);
  assert.deepEqual([...reached].sort(), ending('.js').sort());
});

test('every file says first what it is for', () => {
  for (const file of files.filter((own) => own.endsWith('.js') || own.endsWith('.css'))) assert.match(read(file), /^\/\*\*?\n \* \S/, file);
});
