/**
 * The words, shapes and colours of states, and the one rule that decides which state is shown.
 *
 * Shape, colour and word always come together (nobody has to tell colours apart), and the order of
 * the table is the order of severity everywhere. Nothing here reads the store.
 */

/** Codes on the wire. */
export const WIRE = { unknown: 0, connecting: 1, down: 2, up: 3 };
/** Codes of `lagVerdict` on the wire. */
export const VERDICT = { exact: 0, at_least: 1, at_most: 2, unknown: 3, not_applicable: 4 };
/** Lag above which a slave lags when its own tolerance is not declared, in ms. */
export const DEFAULT_TOLERANCE = 5000;

/** Display states, worst first. The index is the code that the table stores. */
export const STATES = [
  { id: 'down', word: 'Down', icon: 'down', open: 'downo', badge: 'st-down', text: 't-bad' },
  { id: 'lagging', word: 'Lagging', icon: 'lag', open: 'lag', badge: 'st-lag', text: 't-warn' },
  { id: 'unknown', word: 'Unknown', icon: 'unk', open: 'unk', badge: 'st-unk', text: 't-unk' },
  { id: 'connecting', word: 'Connecting', icon: 'conn', open: 'conn', badge: 'st-conn', text: 't-acc' },
  { id: 'up', word: 'Up', icon: 'up', open: 'up', badge: 'st-up', text: 't-ok' },
];
export const [DOWN, LAGGING, UNKNOWN, CONNECTING, UP] = STATES.keys();

/** The state of a word from an event or a URL, or undefined. */
export const stateOf = (word) => STATES.find((state) => state.id === word);

/**
 * What to show for a replica.
 *
 * Only a lag that is certainly above the tolerance counts: "at most 9 s" does not prove anything.
 * @param {number} wire state code
 * @param {number} lag ms, NaN when unknown
 * @param {number} verdict
 * @param {number} tolerance ms
 */
export function displayState(wire, lag, verdict, tolerance) {
  if (wire === WIRE.down) return DOWN;
  if (wire === WIRE.connecting) return CONNECTING;
  if (wire !== WIRE.up) return UNKNOWN;
  return verdict <= VERDICT.at_least && lag > tolerance ? LAGGING : UP;
}
