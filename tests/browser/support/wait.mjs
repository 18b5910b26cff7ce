/**
 * Waiting for what a test expects: asked again and again until it is so, or until the deadline has
 * passed, which is an error that names what was waited for and what was seen instead.
 */

/** Ample for a machine that builds something else at the same time; nothing here takes as long. */
export const DEADLINE_MS = 30_000;
/** How often is asked: far below what a person notices. */
const INTERVAL_MS = 25;

/**
 * Waits until `probe` answers with something truthy, and returns that.
 *
 * @template T
 * @param {string} what completes "waited for …"
 * @param {() => T | Promise<T>} probe
 * @param {{ deadlineMs?: number, seen?: () => unknown }} [options] `seen`: what to show if it fails
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, probe, { deadlineMs = DEADLINE_MS, seen } = {}) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() > end) {
      const found = seen ? `\ninstead there is:\n${await seen()}` : "";
      throw new Error(`waited ${deadlineMs / 1000} s for ${what}${found}`);
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

/**
 * A promise with a deadline.
 *
 * @template T
 * @param {string} what completes "waited for …"
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function within(what, promise, deadlineMs = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs / 1000} s for ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
