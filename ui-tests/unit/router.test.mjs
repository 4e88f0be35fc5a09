/**
 * Addresses: every name survives, and nothing in an address breaks the page.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { href, keepTo, parse } from '../../crates/monitor/web/js/core/router.js';
import { Folds } from '../../crates/monitor/web/js/ui/folds.js';

const NAMES = ['plain', 'a/b', '50%', '%41', '?q=x', '#top', '<img src=x onerror=alert(1)>', '__proto__', 'ünï 🦀', ' ', '', '..', '"quoted"', '\u202ereversed', "it's"];

test('any name is one segment, there and back', () => {
  for (const name of NAMES) {
    const { path, params } = parse(href(['replicas', name, name], { q: name }));
    assert.deepEqual(path, ['replicas', name, name]);
    assert.equal(params.get('q') ?? '', name);
  }
});

test('an address keeps to a second, unless it names one', () => {
  assert.equal(keepTo('#/replicas/a%2Fb?q=x', '7'), '#/replicas/a%2Fb?q=x&at=7');
  assert.equal(keepTo('#/overview?at=5', '7'), '#/overview?at=5');
  for (const live of [null, undefined, '']) assert.equal(keepTo('#/overview?q=x', live), '#/overview?q=x');
});

test('half a surrogate does not break an address', () => {
  assert.match(href(['replicas', 'p', '\ud800']), /%EF%BF%BD$/);
});

test('a broken escape is the name itself', () => {
  assert.deepEqual(parse('#/replicas/100%/x').path, ['replicas', '100%', 'x']);
});

test('empty values are left out, and an empty hash has an empty path', () => {
  assert.equal(href(['replicas'], { q: '', state: null, project: undefined, sort: 'lag' }), '#/replicas?sort=lag');
  assert.deepEqual(parse('').path, ['']);
});

test('folded groups are kept in the address under any name', () => {
  const set = {};
  const folds = new Folds({ set: (patch) => Object.assign(set, patch) });
  const read = (closed) => folds.read(new URLSearchParams(closed ? { closed } : {}));
  for (const name of ['a,b', '*', '<b>']) {
    read(null);
    folds.toggle(name);
    read(set.closed);
    assert.equal(folds.closed(name), true, name);
    assert.equal(folds.closed('other'), false);
  }
  read('*');
  assert.equal(folds.closed('any'), true);
  read('%E0%A4%A');
  assert.equal(folds.closed('any'), false, 'a broken escape folds nothing');
});
