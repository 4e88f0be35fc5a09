/**
 * Where the boxes and lines of the topology graph stand. Pure arithmetic: no DOM, no store.
 *
 * A project is a cluster with its masters left and its slaves right. Clusters stand in columns, in
 * the direction in which rules move data; clusters without rules fill a grid below.
 */

export const NODE = { width: 204, height: 50, gap: 12 };
const PAD = 14;
const HEAD = 34;
const LINK = 120;
const GUTTER = { x: 150, y: 26 };

/**
 * @typedef {object} Cluster
 * @property {number} id
 * @property {number[]} masters rows
 * @property {number[]} slaves rows
 * @property {number} more slaves that are not drawn
 * @property {Map<number, number[]>} [feeds] row → rows of this cluster that feed it; without an entry, the first master does
 */
/** @typedef {{ from: number, to: number, both: boolean }} Flow ids of clusters */

/** Column of each cluster: one right of its sources. Flows that would go round in a circle do not count. */
export function ranks(ids, flows) {
  const rank = new Map(ids.map((id) => [id, 0]));
  const out = new Map(ids.map((id) => [id, flows.filter((flow) => flow.from === id && flow.to !== id).map((flow) => flow.to)]));
  const state = new Map();
  const order = [];
  const forward = [];
  const visit = (id) => {
    state.set(id, 'open');
    for (const to of out.get(id) ?? []) {
      if (!rank.has(to) || state.get(to) === 'open') continue;
      forward.push([id, to]);
      if (!state.has(to)) visit(to);
    }
    state.set(id, 'done');
    order.unshift(id);
  };
  for (const id of ids) if (!state.has(id)) visit(id);
  for (const id of order) for (const [from, to] of forward) if (from === id) rank.set(to, Math.max(rank.get(to), rank.get(id) + 1));
  return rank;
}

/** Room at the right for lines from one slave to another. */
const BEND = 26;

const bends = ({ slaves, feeds }) => slaves.some((row) => feeds?.get(row)?.some((from) => slaves.includes(from)));

function size(cluster) {
  const { masters, slaves, more } = cluster;
  const right = slaves.length + (more > 0 ? 1 : 0);
  const lines = Math.max(masters.length, right, 1);
  return {
    width: PAD * 2 + NODE.width + (right > 0 ? LINK + NODE.width : 0) + (bends(cluster) ? BEND : 0),
    height: HEAD + lines * (NODE.height + NODE.gap) - NODE.gap + PAD,
  };
}

/** Boxes of a column of nodes, centred in the height of the cluster. */
function column(count, x, box) {
  const inner = count * (NODE.height + NODE.gap) - NODE.gap;
  const top = box.y + HEAD + (box.height - HEAD - PAD - inner) / 2;
  return Array.from({ length: count }, (_, k) => ({ x, y: top + k * (NODE.height + NODE.gap) }));
}

/**
 * @param {Cluster[]} clusters
 * @param {Flow[]} flows
 */
export function layout(clusters, flows) {
  const linked = new Set(flows.flatMap((flow) => [flow.from, flow.to]));
  const rank = ranks(clusters.filter(({ id }) => linked.has(id)).map(({ id }) => id), flows);
  const columns = [];
  for (const cluster of clusters) if (linked.has(cluster.id)) (columns[rank.get(cluster.id)] ??= []).push(cluster);
  const boxes = new Map();
  let x = 2;
  let bottom = 2;
  for (const members of columns) {
    let y = 2;
    let widest = 0;
    for (const cluster of members ?? []) {
      const box = { x, y, ...size(cluster) };
      boxes.set(cluster.id, box);
      y += box.height + GUTTER.y;
      widest = Math.max(widest, box.width);
    }
    bottom = Math.max(bottom, y);
    x += widest + GUTTER.x;
  }
  const right = grid(clusters.filter(({ id }) => !linked.has(id)), boxes, bottom, Math.max(x, 1150));
  const all = [...boxes.values()];
  return {
    boxes,
    nodes: clusters.map((cluster) => nodesOf(cluster, boxes.get(cluster.id))),
    flows: flows.map((flow) => ({ ...flow, ...flowPath(boxes.get(flow.from), boxes.get(flow.to)) })),
    width: Math.max(right, ...all.map((box) => box.x + box.width)) + 2,
    height: Math.max(0, ...all.map((box) => box.y + box.height)) + 40,
  };
}

/** Puts clusters side by side below `top`, as many as fit into `room`. @returns {number} right edge */
function grid(clusters, boxes, top, room) {
  let x = 2;
  let y = top;
  let tallest = 0;
  let right = 0;
  for (const cluster of clusters) {
    const own = size(cluster);
    if (x > 2 && x + own.width > room) {
      x = 2;
      y += tallest + GUTTER.y;
      tallest = 0;
    }
    boxes.set(cluster.id, { x, y, ...own });
    right = Math.max(right, x + own.width);
    x += own.width + GUTTER.y;
    tallest = Math.max(tallest, own.height);
  }
  return right;
}

function nodesOf(cluster, box) {
  const masters = column(Math.max(1, cluster.masters.length), box.x + PAD, box);
  const count = cluster.slaves.length + (cluster.more > 0 ? 1 : 0);
  const slaves = column(count, box.x + PAD + NODE.width + LINK, box);
  return { id: cluster.id, masters, slaves, edges: cluster.slaves.map((row, k) => feedsOf(cluster, row).map((from) => {
    const at = cluster.slaves.indexOf(from);
    return at < 0 ? edge(masters[Math.max(0, cluster.masters.indexOf(from))], slaves[k]) : bend(slaves[at], slaves[k]);
  })) };
}

/** The rows that feed a row, among those that are drawn. A link from elsewhere is no reason to draw one from here. */
function feedsOf({ masters, slaves, feeds }, row) {
  const told = feeds?.get(row);
  return told ? told.filter((from) => masters.includes(from) || slaves.includes(from)) : [masters[0]];
}

/** From one slave to another: around the right side. */
function bend(from, to) {
  const [x, y1, y2] = [from.x + NODE.width, from.y + NODE.height / 2, to.y + NODE.height / 2];
  return { d: `M${x} ${y1}C${x + BEND} ${y1} ${x + BEND} ${y2} ${x + 3} ${y2}`, label: null };
}

/** From the right side of the master to the left side of the slave. */
function edge(master, slave) {
  const [x1, y1] = [master.x + NODE.width, master.y + NODE.height / 2];
  const [x2, y2] = [slave.x - 2, slave.y + NODE.height / 2];
  const middle = (x1 + x2) / 2;
  return { d: `M${x1} ${y1}C${x1 + 34} ${y1} ${x1 + 22} ${y2} ${middle} ${y2}H${x2}`, label: { x: x1 + LINK * 0.62, y: y2 } };
}

/** To the right through the gutter when the target stands right, else around below. */
function flowPath(from, to) {
  if (to.x > from.x) {
    const [x1, y1] = [from.x + from.width, from.y + Math.min(from.height / 2, 60)];
    const [x2, y2] = [to.x - 3, to.y + Math.min(to.height / 2, 60)];
    return { d: `M${x1} ${y1}C${x1 + 60} ${y1} ${x2 - 70} ${y2} ${x2} ${y2}`, label: { x: x2 - GUTTER.x / 2, y: (y2 + (x2 - x1 < GUTTER.x * 1.5 ? y1 : y2)) / 2 } };
  }
  const [x1, y1] = [from.x + from.width / 2, from.y + from.height];
  const [x2, y2] = [to.x + to.width / 2, to.y + to.height + 2];
  const low = Math.max(y1, y2) + 34;
  return { d: `M${x1} ${y1}C${x1} ${low} ${x2} ${low} ${x2} ${y2}`, label: { x: (x1 + x2) / 2, y: (Math.max(y1, y2) + low * 2) / 3 - 4 } };
}
