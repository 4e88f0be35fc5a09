/**
 * Made-up snapshots for the unit tests, in the shape of `GET /api/snapshot`.
 */

/** A slave that is up, unless told otherwise. */
export const replica = (name, more = {}) => ({ name, role: 'slave', dialect: 'postgres', state: 'up', lag: 100, lagVerdict: 'exact', lagTolerance: 5000, ...more });

/** @param {Record<string, any[]>} projects replicas by project */
export const snapshot = (projects, more = {}) => ({
  seq: 10,
  ts: 1_000_000,
  pollMs: 2000,
  version: '1.2.3',
  source: { kind: 'test', label: 'made up' },
  capabilities: { measuresLag: true },
  problems: [],
  rules: [],
  projects: Object.entries(projects).map(([name, replicas]) => ({ name, routing: null, replicas })),
  ...more,
});

/** Events with the given sequence numbers. */
export const events = (...seqs) => seqs.map((seq) => ({ type: 'deploy', ts: seq, seq }));
