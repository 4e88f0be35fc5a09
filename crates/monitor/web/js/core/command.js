/**
 * Tells the monitor to do something. It is done when the monitor says so, and not before.
 *
 * Who may is known to the server by the cookie; what it refuses comes back as its own words.
 */

/** How long an answer may take, ms. */
const PATIENCE = 10_000;

/**
 * @param {string} path below the page's address
 * @param {any} body
 * @returns {Promise<any>} what the monitor answered; fails with a sentence to be shown
 */
export async function command(path, body) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { method: 'POST', credentials: 'same-origin', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    throw new Error(error.name === 'TimeoutError' ? 'The monitor has not answered for 10 s. It may have been done or not: look before you try again.' : 'The monitor cannot be reached. Nothing was changed, as far as this page can tell.', { cause: error });
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new Error(refusal(response.status, text));
}

/** The server's own words, where it sent some. */
export function refusal(status, text) {
  try {
    return JSON.parse(text).error ?? `The monitor answered ${status}.`;
  } catch {
    return status === 401 ? 'This page is signed out: open it with ?token=… again.' : `The monitor answered ${status}.`;
  }
}
