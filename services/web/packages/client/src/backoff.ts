/** When to try again: at once the first time, then ever later with full jitter. */

/** The first retry comes within this: most losses are one dropped socket. */
export const FIRST_RETRY_MS = 100;
/** No retry waits longer than this; recovery is promised within 5 s. */
export const LONGEST_RETRY_MS = 5_000;
/** What the second retry's range begins with; it doubles from there. */
const BASE_MS = 250;

/**
 * The wait before retry number `attempt` (from 0). The whole range is drawn from, so that clients
 * that lost the same server do not come back as one.
 */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  if (attempt === 0) return random() * FIRST_RETRY_MS;
  return random() * Math.min(LONGEST_RETRY_MS, BASE_MS * 2 ** attempt);
}
