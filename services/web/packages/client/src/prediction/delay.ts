/** How long a key takes to be written, there and back, smoothed as TCP smooths its round trips. */

/** Above this echoes feel late: predictions are shown. */
export const SLOW_MS = 30;
/** Below this they are not shown any more; between the two it stays as it was. */
export const FAST_MS = 20;
/** How much of the old value each sample leaves. */
const KEEP = 7 / 8;

export class Delay {
  #smoothed: number | undefined;
  #slow = false;
  /** The input whose acknowledgement is being waited for. */
  #sample: { end: number; at: number } | undefined;

  /** Milliseconds; none before the first acknowledgement. */
  get ms(): number | undefined {
    return this.#smoothed;
  }

  /** Are echoes so late that somebody who types feels it? */
  get isSlow(): boolean {
    return this.#slow;
  }

  /** Input up to this offset was sent. One is measured at a time. */
  sent(end: number, now: number): void {
    this.#sample ??= { end, at: now };
  }

  /** All input before this offset is written. */
  acked(offset: number, now: number): void {
    const sample = this.#sample;
    if (!sample || offset < sample.end) return;
    this.#sample = undefined;
    const ms = now - sample.at;
    const before = this.#smoothed ?? ms;
    this.#smoothed = before * KEEP + ms * (1 - KEEP);
    if (this.#smoothed > SLOW_MS) this.#slow = true;
    else if (this.#smoothed < FAST_MS) this.#slow = false;
  }

  /** What is under way takes longer than it should for another reason. */
  forget(): void {
    this.#sample = undefined;
  }
}
