/**
 * Compares the screen here with the server's, now and then: both are made from the same bytes, and a
 * difference is a mistake of one of them that only a snapshot mends. Nothing here sends or draws.
 *
 * ```text
 *            40 s               checked           drawn up to its offset
 *   waiting ──────▶ asked ───────────────▶ held ─────────────────────────▶ compared ──▶ waiting
 *      ▲              │ cannot be asked      │ drawn past it, resized: missed
 *      └──────────────┴──────────────────────┘ (a few times again after 1 s)
 * ```
 */

/** How often a screen that is looked at is compared. */
export const CHECK_INTERVAL_MS = 40_000;
/** A comparison that output or a resize got in the way of is tried again after this. */
export const CHECK_AGAIN_MS = 1_000;
/** So often in a row; a program that never rests is compared some other time. */
const TRIES = 4;
/** After this many differences in a row the two emulators disagree for good: asked ever less often. */
const MAX_DOUBLINGS = 4;

/** What the server's screen looked like once all output before `offset` was drawn. */
export interface Picture {
  offset: number;
  /** As `docs/protocol.md` has it, and {@link fingerprint} makes it. */
  hash: string;
}

export interface CheckHost {
  /** Asks the server, if there is one that can be asked; `answer` is given nothing if it does not say. */
  ask(answer: (picture: Picture | undefined) => void): void;
  /** Everything before this is drawn and nothing else; none while anything is being drawn. */
  drawn(): number | undefined;
  /** The fingerprint of what is drawn. */
  digest(): string | undefined;
  /** What was compared: the same, another (it has to be drawn anew), or not comparable this time. */
  compared(result: "same" | "differs" | "missed"): void;
}

export class SelfCheck {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #active = false;
  #tries = 0;
  #differences = 0;
  /** Answers to questions before the last start or disturbance count for nothing. */
  #generation = 0;
  #held: Picture | undefined;

  constructor(private readonly host: CheckHost) {}

  /** Somebody looks at the screen, or nobody does. */
  setActive(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    this.#tries = 0;
    this.#wait(CHECK_INTERVAL_MS);
  }

  /** Everything before `end` is drawn. */
  drawn(end: number): void {
    const held = this.#held;
    if (!held || end < held.offset) return;
    if (end === held.offset) this.#compare(held);
    else this.#missed();
  }

  /** The size changed, or a snapshot came: the two screens are not alike for a moment. */
  disturbed(): void {
    this.#generation += 1;
    if (this.#held) this.#missed();
  }

  stop(): void {
    this.#active = false;
    this.#generation += 1;
    this.#held = undefined;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#held = undefined;
    if (this.#active) this.#timer = setTimeout(() => this.#ask(), ms);
  }

  #ask(): void {
    this.#generation += 1;
    const asked = this.#generation;
    // Also if no answer ever comes: then this is the next time.
    this.#wait(CHECK_INTERVAL_MS);
    this.host.ask((picture) => {
      if (!this.#active) return;
      if (asked !== this.#generation) this.#missed();
      else if (picture) this.#answered(picture);
    });
  }

  #answered(picture: Picture): void {
    const drawn = this.host.drawn();
    if (drawn === picture.offset) return this.#compare(picture);
    if (drawn !== undefined && drawn > picture.offset) return this.#missed();
    // What the server has drawn is still on its way to this screen.
    this.#held = picture;
  }

  #compare(picture: Picture): void {
    const digest = this.host.digest();
    if (digest === undefined) return this.#missed();
    const same = digest === picture.hash;
    this.#tries = 0;
    this.#differences = same ? 0 : this.#differences + 1;
    const doublings = Math.min(Math.max(this.#differences - 1, 0), MAX_DOUBLINGS);
    this.#wait(CHECK_INTERVAL_MS * 2 ** doublings);
    this.host.compared(same ? "same" : "differs");
  }

  #missed(): void {
    this.#tries = (this.#tries + 1) % TRIES;
    this.#wait(this.#tries === 0 ? CHECK_INTERVAL_MS : CHECK_AGAIN_MS);
    this.host.compared("missed");
  }
}
