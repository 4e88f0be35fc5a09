/**
 * Reads from the server. Runs in the page and in the worker.
 *
 * Paths are relative to the page, never absolute, so a reverse proxy may put the monitor anywhere.
 * What changes something is in command.js.
 */

/** The server wants a token: nothing to retry, the reader has to act. */
export class SignedOut extends Error {}

async function get(base, path) {
  const response = await fetch(new URL(path, base), { credentials: 'same-origin', cache: 'no-cache' });
  if (response.status === 401) throw new SignedOut('signed out');
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.text();
}

/** The snapshot as text: it is parsed once, where it is used. */
export const snapshotText = (base) => get(base, 'api/snapshot');

/** The last events, oldest first. */
export const recentEvents = async (base) => JSON.parse(await get(base, 'api/events'));

/** Who we are to this monitor, and what it offers. */
export const myself = async (base) => JSON.parse(await get(base, 'api/me'));

/** Every alert, silence, channel and condition. */
export const alertsNow = async (base) => JSON.parse(await get(base, 'api/alerts'));

/** One replica with its evidence, or null when it is gone. */
export async function replicaInfo(base, project, name) {
  const path = `api/replicas/${encodeURIComponent(project)}/${encodeURIComponent(name)}`;
  try {
    return JSON.parse(await get(base, path));
  } catch {
    // The link's own state tells why nothing comes; what is shown keeps its age.
    return null;
  }
}

/** Address of the stream after a sequence number. */
export function liveUrl(base, after) {
  const url = new URL('api/live', base);
  if (after !== null) url.searchParams.set('after', after);
  return url;
}
