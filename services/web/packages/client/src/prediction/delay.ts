/** How long a key takes to be seen, smoothed as TCP smooths its round trips. */

/** Above this echoes feel late: predictions are shown. */
export const SLOW_MS = 30;
/** Below this they are not shown any more; between the two it stays as it was. */
export const FAST_MS = 20;
/** How much of the old value each sample leaves. */
const KEEP = 7 / 8;

export class Delay {
  #smoothed: number | undefined;
  #slow = false;

  /** Milliseconds; none before the first echo. */
  get ms(): number | undefined {
    return this.#smoothed;
  }

  /** Are echoes so late that somebody who types feels it? */
  get isSlow(): boolean {
    return this.#slow;
  }

  /** A key was seen on the screen so long after it was typed. */
  add(ms: number): void {
    const before = this.#smoothed ?? ms;
    this.#smoothed = before * KEEP + ms * (1 - KEEP);
    if (this.#smoothed > SLOW_MS) this.#slow = true;
    else if (this.#smoothed < FAST_MS) this.#slow = false;
  }
}
