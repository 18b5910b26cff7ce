/**
 * Tells the server how much output the terminal has parsed, often enough to keep it sending and
 * seldom enough to cost nothing. Parsed, not received: that is what makes a slow terminal slow
 * down the program instead of filling memory.
 */

/** An ack goes out at once when it moves this far. */
export const ACK_BYTES = 64 * 1024;
/** A smaller one goes out after this. */
export const ACK_DELAY_MS = 20;
/** One of less than this, what a key echoes, goes out with the next key … */
export const SMALL_ACK_BYTES = 4 * 1024;
/** … or after this. The server may send 64 KiB at least without any. */
export const SMALL_ACK_DELAY_MS = 250;

export class Acks {
  #parsed = 0;
  #acked = 0;
  #limit = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #patient = false;
  /** Writes of an earlier channel or screen must not count for this one. */
  #generation = 0;

  /** `drawn` is told whenever everything before an offset is parsed, and nothing beyond it. */
  constructor(
    private readonly send: (offset: number) => void,
    private readonly drawn: (end: number) => void = () => {},
  ) {}

  /** Everything before this is parsed. */
  get parsed(): number {
    return this.#parsed;
  }

  /** A channel begins at this offset: nothing up to there needs an ack. */
  begin(offset: number): void {
    this.stop();
    this.#acked = offset;
    this.#limit = offset;
  }

  /** Output now goes on at another offset: what is still being parsed counts for nothing. */
  jump(offset: number): void {
    this.#generation += 1;
    this.#acked = Math.min(this.#acked, offset);
    this.#parsed = this.#acked;
  }

  /** The channel has brought output up to here. */
  received(limit: number): void {
    this.#limit = limit;
    this.#consider();
  }

  /** What to call once everything before `end` is parsed. */
  whenParsed(end: number): () => void {
    const generation = this.#generation;
    return () => {
      if (generation !== this.#generation) return;
      this.#parsed = Math.max(this.#parsed, end);
      this.#consider();
      this.drawn(end);
    };
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #due(): number {
    return Math.min(this.#parsed, this.#limit) - this.#acked;
  }

  #consider(): void {
    const due = this.#due();
    if (due >= ACK_BYTES) this.flush();
    else if (due > 0) this.#schedule(due < SMALL_ACK_BYTES);
  }

  #schedule(patient: boolean): void {
    if (this.#timer !== undefined && this.#patient <= patient) return;
    this.stop();
    this.#patient = patient;
    this.#timer = setTimeout(() => this.flush(), patient ? SMALL_ACK_DELAY_MS : ACK_DELAY_MS);
  }

  /** Sends what is due, as when input leaves anyway. */
  flush(): void {
    this.stop();
    const due = this.#due();
    if (due <= 0) return;
    this.#acked += due;
    this.send(this.#acked);
  }
}
