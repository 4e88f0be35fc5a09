/**
 * What of a server's own words an operator should know: drift, links that do not run, refusals.
 *
 * Pure functions over what a table keeps of a row. Nothing is drawn here.
 */

/** Link states that somebody should look at. */
const BAD = new Set(['paused', 'stopped', 'connecting', 'resyncing', 'broken', 'diverged']);

/** The first link that does not run as it should. */
export const badLink = (observed) => observed?.links?.find((link) => BAD.has(link.state));

/** What is wrong with a replica that answers, most important first, or ''. */
export function trouble(observed) {
  if (!observed) return '';
  const link = badLink(observed);
  return observed.drift?.[0]?.message ?? observed.reason ?? (link && linkWords(link)) ?? '';
}

/** A link in a sentence: `broken: error 1062: …`. */
export function linkWords(link) {
  const name = link.name ? `link ${link.name} ` : '';
  return link.reason ? `${name}${link.state}: ${link.reason}` : `${name}${link.state}`;
}

/** How long a link may stay behind, in words. @param {(ms: number) => string} duration */
export function runwayWords(link, duration) {
  switch (link.runwayVerdict) {
    case 'known': return `about ${duration(link.runway * 1000)} until it needs a full resync`;
    case 'unbounded': return 'its log is kept until it has been read';
    case 'over': return 'over: its log is gone, it needs a full resync';
    default: return `unknown: ${link.runwayReason ?? 'nobody tells'}`;
  }
}
