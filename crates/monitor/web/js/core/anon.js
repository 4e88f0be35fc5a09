/**
 * Stand-in names for screenshots: the same name always gets the same alias in one page.
 *
 * It changes what is shown, not what is known: links, filters and downloads keep the real names.
 * Free text cannot be rewritten safely, so it is hidden whole.
 */
import { prefs } from './prefs.js';

const aliases = { project: new Map(), replica: new Map(), rule: new Map() };

function shown(kind, name) {
  if (!prefs.anonymise) return name;
  const known = aliases[kind];
  if (!known.has(name)) known.set(name, `${kind}-${known.size + 1}`);
  return known.get(name);
}

export const projectName = (name) => shown('project', name);
/** Replicas of different projects may share a name, and then share an alias: that tells nothing. */
export const replicaName = (name) => shown('replica', name);
export const ruleName = (name) => shown('rule', name);
export const freeText = (text) => (prefs.anonymise ? '(text hidden)' : text);
