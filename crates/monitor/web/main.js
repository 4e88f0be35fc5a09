/**
 * The page: replicas, rules and activity as the API tells them, followed live.
 * It builds nodes and text only, never HTML from strings, and shows what is not known as unknown.
 */

const LOG_LINES = 200;
const byId = (id) => document.getElementById(id);

// The server has put the token into a cookie that scripts cannot read; it must not stay in the address.
const address = new URL(location.href);
if (address.searchParams.has('token')) {
  address.searchParams.delete('token');
  history.replaceState(null, '', address);
}

/** An element with these children; texts become text nodes. */
function h(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function table(caption, heads, rows) {
  const head = h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)));
  const body = rows.map((cells) => h('tr', {}, ...cells.map((cell) => h('td', {}, cell))));
  const made = h('table', {}, h('thead', {}, head), h('tbody', {}, ...body));
  made.setAttribute('aria-label', caption);
  return h('div', { className: 'scroll', tabIndex: 0 }, made);
}

function lag(replica) {
  if (replica.lagVerdict === 'not_applicable') return '— source';
  if (replica.lag === null || replica.lag === undefined) return `— ${replica.lagReason ?? 'unknown'}`;
  const sign = { at_least: '≥ ', at_most: '≤ ' }[replica.lagVerdict] ?? '';
  return `${sign}${replica.lag} ms`;
}

function pool(usage) {
  return usage ? `${usage.out} in use, ${usage.in} idle` : '— unknown';
}

function stats(last) {
  if (!last) return '— never ran here';
  const part = (name) => `${last[name] ?? '?'} ${name}`;
  return ['inserted', 'updated', 'deleted', 'failed'].map(part).join(', ');
}

function showReplicas(projects) {
  const heads = ['Replica', 'Role', 'Dialect', 'State', 'Lag', 'Pool', 'Note'];
  const rows = (project) => project.replicas.map((r) => [r.name, r.role, r.dialect ?? '—', r.state, lag(r), pool(r.poolUsage), r.problem ?? '']);
  const shown = projects.flatMap((project) => [
    h('h3', {}, project.name, h('span', { className: 'dim' }, ` · reads ${project.routing}`)),
    table(`Replicas of ${project.name}`, heads, rows(project)),
  ]);
  byId('replicas').replaceChildren(...(shown.length ? shown : [h('p', {}, 'No replicas are declared. Write them into the tree file; this page follows it.')]));
}

function showRules(rules) {
  const heads = ['Rule', 'Source → target', 'Mode', 'Collections', 'Conflicts', 'Enabled', 'Last sync'];
  const rows = rules.map((r) => [r.name, `${r.source} → ${r.target}`, r.mode, r.collections.join(', '), r.conflictResolution, r.enabled ? 'yes' : 'no', stats(r.lastStats)]);
  byId('rules').replaceChildren(rows.length ? table('Rules', heads, rows) : h('p', {}, 'No rules are declared.'));
}

function showProblems(snapshot) {
  const lines = snapshot.problems.map((p) => `${p.severity}: ${p.file ?? ''}${p.line ? `:${p.line}:${p.column}` : ''} ${p.message} ${p.path ?? ''}`);
  if (snapshot.source.stalledSince) lines.unshift(`The source has not answered since ${new Date(snapshot.source.stalledSince).toLocaleTimeString()}; everything is as of then.`);
  byId('problems').hidden = lines.length === 0;
  byId('problems').replaceChildren(...lines.map((line) => h('p', {}, line)));
}

function showLink(text, lost) {
  byId('link').textContent = text;
  byId('link').className = lost ? 'lost' : '';
  document.title = `${lost ? '(no link) ' : ''}replica-monitor`;
}

function log(event) {
  const { type, ts, seq, ...rest } = event;
  const line = `${new Date(ts).toLocaleTimeString()}  ${type}  ${Object.values(rest).map((v) => (typeof v === 'object' ? JSON.stringify(v) : v)).join(' ')}`;
  const list = byId('activity');
  list.prepend(h('li', {}, line));
  while (list.childElementCount > LOG_LINES) list.lastElementChild.remove();
}

let loading = null;

/** Loads the snapshot; calls while one is under way share the next one. */
function load() {
  loading ??= new Promise((done) => setTimeout(done, 250)).then(async () => {
    loading = null;
    const answer = await fetch('api/snapshot');
    if (answer.status === 401) return showLink('signed out: open the link with ?token=… again', true);
    const snapshot = await answer.json();
    showReplicas(snapshot.projects);
    showRules(snapshot.rules);
    showProblems(snapshot);
  }).catch(() => showLink('no link to the monitor; trying again', true));
  return loading;
}

let seen = 0;
const stream = new EventSource('api/stream');
stream.onopen = () => { showLink('live', false); load(); };
stream.onerror = () => showLink('no link to the monitor; trying again', true);
stream.addEventListener('resync', load);
stream.onmessage = (message) => {
  const event = JSON.parse(message.data);
  if (event.seq <= seen) return;
  seen = event.seq;
  log(event);
  load();
};
load();
