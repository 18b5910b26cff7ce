/**
 * Foresees the echo of keys, as mosh does, and never touches the screen: what it says is drawn over
 * it, and taken back as soon as the screen itself says something.
 *
 * ```text
 *            a key it foresees               the echo offset has passed its key
 *   nothing ──────────────────▶ claims ───────────────────────────────────▶ seen, or missed
 *      ▲                           │ a key it does not (Enter, Tab, …)            │
 *      └────────── blind ◀─────────┴──────────────────────────────────────────────┘ missed
 *         until that key is echoed
 * ```
 *
 * Claims belong to an **epoch**, which ends at every key that is not foreseen and at every miss. They
 * are shown only once a letter or a digit of the same epoch was echoed: where nothing is echoed, as
 * while a password is asked for, nothing is ever shown.
 */
import { Delay } from "./delay.ts";
import { type Key, keysOf } from "./keys.ts";
import { type Claim, Line, type Place, type RealScreen } from "./line.ts";

/** What is to be drawn over the screen. */
export interface Overlay {
  /** The row, counted from the first line that is kept. */
  row: number;
  cells: { col: number; text: string }[];
  /** Where the cursor will be, if that is known, and where it stands now. */
  cursor: { col: number; from: Place } | undefined;
}

/** So many letters are kept while nothing can be foreseen. */
const MAX_LATER = 64;
/** So many claims that were shown and wrong, without many right ones between, end it for a while. */
const MAX_MISSES = 3;
/** Right claims that make up for a wrong one. */
const FORGIVEN_AFTER = 20;
/** For so long it then foresees nothing. */
export const REST_MS = 30_000;
/** An echo that has not come by then is none that anybody waits for. */
export const STALE_MS = 5_000;
/** Masks for passwords are echoed too: only what is no mask proves that keys are echoed. */
const PROOF = /^[a-zA-Z0-9]$/;

export class Predictor {
  readonly delay = new Delay();
  #line: Line | undefined;
  #epoch = 1;
  /** The newest epoch of which an echo was seen. */
  #seenEpoch = 0;
  /** Nothing is foreseen until all input before this is echoed. */
  #blindUntil: number | undefined;
  /** Letters that were typed since then: once it is, they may be foreseen still. */
  #later: { key: Key & { kind: "text" }; end: number }[] = [];
  /** All input before this was typed, all before that other one is echoed. */
  #typedTo = 0;
  #echoedTo = 0;
  #typedAt = 0;
  /** Where the cursor was when nothing was under way any more. */
  #settled: Place | undefined;
  /** Where what can be edited begins: behind the prompt. */
  #floor: Place | undefined;
  /** Enter is under way: the next prompt will have another place. */
  #entered = false;
  /** The key whose way to the screen is being measured. */
  #sample: { line: Line; col: number; text: string; at: number } | undefined;
  #misses = 0;
  #hits = 0;
  #restUntil = 0;

  constructor(
    private readonly screen: RealScreen,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** These were typed, and taken; `end` is the input offset after them. */
  typed(text: string, end: number): void {
    const keys = keysOf(text);
    let at = end - keys.reduce((sum, key) => sum + key.bytes, 0);
    this.#typedTo = end;
    this.#typedAt = this.now();
    for (const key of keys) {
      at += key.bytes;
      this.#key(key, at);
    }
  }

  /** All output is drawn that came before the server said that input before `offset` is echoed. */
  echoed(offset: number): void {
    this.#echoedTo = Math.max(this.#echoedTo, offset);
    if (this.#line) this.#judge(this.#line, offset);
    if (this.#blindUntil === undefined || offset < this.#blindUntil) return;
    this.#blindUntil = this.#line = undefined;
    this.#catchUp(offset);
  }

  /** Output was drawn. */
  drawn(): void {
    if (!this.#line) return;
    this.#measure(this.#line);
    if (this.screen.isAlternate || this.now() - this.#typedAt > STALE_MS) this.#giveUp();
  }

  /** Nothing that is under way is foreseen: another channel, another size, another screen. */
  reset(typedTo: number): void {
    this.#typedTo = typedTo;
    this.#echoedTo = 0;
    this.#giveUp();
    this.#floor = this.#settled = undefined;
  }

  /** What to draw now; none if nothing is to be seen. */
  get overlay(): Overlay | undefined {
    const line = this.#line;
    if (!line || !this.delay.isSlow || this.now() < this.#restUntil) return undefined;
    const cells = [...line.claims]
      .filter(([col, claim]) => this.#isShown(claim) && this.#real(line, col) !== claim.text)
      .map(([col, { text }]) => ({ col, text }));
    const cursor = this.#cursor(line);
    return cells.length === 0 && !cursor ? undefined : { row: line.row, cells, cursor };
  }

  #cursor(line: Line): Overlay["cursor"] {
    const last = line.steps.at(-1);
    const from = this.screen.cursor;
    if (this.#blindUntil !== undefined || !last || !this.#isShown(last)) return undefined;
    return from.row === line.row && from.col !== line.col ? { col: line.col, from } : undefined;
  }

  #isShown({ epoch }: { epoch: number }): boolean {
    return epoch <= this.#seenEpoch;
  }

  #real(line: Line, col: number): string {
    return this.screen.cell(line.row, col).text;
  }

  #key(key: Key, end: number): void {
    if (key.kind === "enter") this.#entered = true;
    if (this.screen.isAlternate) return this.#goBlind(end);
    if (this.#blindUntil !== undefined) {
      if (key.kind !== "text" || this.#later.length === MAX_LATER) return this.#goBlind(end);
      this.#later.push({ key, end });
      return;
    }
    const { cursor } = this.screen;
    // What moved the cursor was no echo: the program does something else now.
    if (this.#line && !this.#line.explains(cursor)) return this.#goBlind(end);
    // And so it does if the cursor is not where the last echo had left it.
    const moved = this.#settled && !isSame(this.#settled, cursor);
    if (!this.#line && moved) this.#epoch += 1;
    const line = this.#line ?? new Line(this.screen, this.#floorOf(cursor));
    this.#settled = undefined;
    const { col } = line;
    if (!line.take(key, end, this.#epoch)) return this.#goBlind(end);
    this.#line = line;
    if (key.kind === "text" && this.#isProof(line.claims.get(col))) {
      this.#sample ??= { line, col, text: key.char, at: this.now() };
    }
  }

  /** Is the key whose way is being measured on the screen? One is at a time. */
  #measure(line: Line): void {
    const sample = this.#sample;
    if (!sample) return;
    const isSeen = sample.line === line && this.#real(line, sample.col) === sample.text;
    if (isSeen) this.delay.add(this.now() - sample.at);
    if (isSeen || sample.line !== line) this.#sample = undefined;
  }

  /** Does this text, once it is seen, prove that keys are echoed? */
  #isProof(claim: Claim | undefined): boolean {
    return claim !== undefined && PROOF.test(claim.text) && !claim.before.includes(claim.text);
  }

  #floorOf({ row }: Place): number | undefined {
    return this.#floor?.row === row ? this.#floor.col : undefined;
  }

  /** A key whose effect is not foreseen: what is claimed already stays, and is judged. */
  #goBlind(end: number): void {
    this.#epoch += 1;
    this.#blindUntil = end;
    this.#later = [];
  }

  /** It is seen again where the cursor is: letters that were typed meanwhile go on from there. */
  #catchUp(offset: number): void {
    const { row, col } = this.screen.cursor;
    const later = this.#later;
    this.#later = [];
    const ahead = later.filter(({ end }) => end > offset);
    // Some of them may be echoed already: those that stand before the cursor.
    const echoed = longestEcho(ahead.map(({ key }) => key.char).join(""), this.#before(row, col));
    const typed = later.length - ahead.length + echoed;
    if (this.#entered) this.#floor = { row, col: Math.max(0, col - typed) };
    this.#entered = false;
    this.#settled = { row, col };
    for (const { key, end } of ahead.slice(echoed)) this.#key(key, end);
  }

  /** What stands before a place, on its line. */
  #before(row: number, col: number): string {
    const from = Math.max(0, col - MAX_LATER);
    const cells = Array.from({ length: col - from }, (_, at) => this.screen.cell(row, from + at).text);
    return cells.map((text) => text || " ").join("");
  }

  #judge(line: Line, offset: number): void {
    for (const [col, claim] of line.claims) {
      if (claim.end > offset) continue;
      if (this.#real(line, col) !== claim.text) return this.#missed(claim);
      if (this.#isProof(claim)) this.#seen(claim);
      line.claims.delete(col);
    }
    const last = line.steps.at(-1);
    if (this.#blindUntil !== undefined || !last || last.end > offset) return;
    const { cursor } = this.screen;
    if (!isSame(cursor, line)) return this.#missed(last);
    this.#line = undefined;
    this.#settled = { ...cursor };
  }

  #seen(claim: Claim): void {
    this.#seenEpoch = Math.max(this.#seenEpoch, claim.epoch);
    this.#hits += 1;
    if (this.#hits % FORGIVEN_AFTER === 0) this.#misses = 0;
  }

  #missed(claim: { epoch: number }): void {
    // After a key that is not foreseen anything may become of the line: that is nobody's mistake.
    const shown = this.#isShown(claim) && this.#blindUntil === undefined && this.delay.isSlow;
    this.#giveUp();
    if (!shown) return;
    this.#misses += 1;
    this.#hits = 0;
    if (this.#misses < MAX_MISSES) return;
    this.#misses = 0;
    this.#restUntil = this.now() + REST_MS;
  }

  #giveUp(): void {
    this.#epoch += 1;
    this.#line = this.#settled = undefined;
    this.#later = [];
    this.#blindUntil = this.#typedTo > this.#echoedTo ? this.#typedTo : undefined;
  }
}

/** How many characters of a text the other one ends with. */
function longestEcho(typed: string, shown: string): number {
  let length = typed.length;
  while (length > 0 && !shown.endsWith(typed.slice(0, length))) length -= 1;
  return length;
}

function isSame(one: Place, other: Place): boolean {
  return one.row === other.row && one.col === other.col;
}
