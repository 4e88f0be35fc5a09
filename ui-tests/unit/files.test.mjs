/**
 * The files of the page as they are shipped: small, without a sink for HTML strings, and told to
 * the browser in advance.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const WEB = fileURLToPath(new URL('../../crates/monitor/web/', import.meta.url));
const files = readdirSync(WEB, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.replaceAll('//', '/').slice(WEB.length));
const read = (file) => readFileSync(WEB + file, 'utf8');
const gzipped = (ending) => files.filter((file) => file.endsWith(ending)).reduce((sum, file) => sum + gzipSync(readFileSync(WEB + file), { level: 9 }).length, 0);

/** As written, with comments: there is no build step that could strip them. A ratchet, to be raised knowingly. */
const LIMITS = { '.js': 80_000, '.css': 10_000, '.html': 4000 };

test('bytes stay in budget, packed file by file as they travel', () => {
  for (const [ending, limit] of Object.entries(LIMITS)) {
    const measured = gzipped(ending);
    console.log(`${ending} ${measured} bytes gzipped, at most ${limit}`);
    assert.ok(measured <= limit, `${ending} ${measured}`);
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

test('the shell names every module in advance, so none is found late', () => {
  const named = [...read('index.html').matchAll(/modulepreload" href="__ASSETS__\/([^"]+)/g)].map(([, file]) => file);
  const loaded = files.filter((file) => file.endsWith('.js') && !['js/main.js', 'js/core/hub.js'].includes(file));
  assert.deepEqual(named.sort(), loaded.sort());
});

test('every file says first what it is for', () => {
  for (const file of files.filter((own) => own.endsWith('.js') || own.endsWith('.css'))) assert.match(read(file), /^\/\*\*?\n \* \S/, file);
});
