/**
 * An xterm.js Unicode provider that gives every character as many cells as the server's emulator:
 * else a screen drawn here and the same one drawn there differ from the first `✅` on. As there, each
 * code point has its own width, and what takes no cell joins what lies before the cursor.
 */
import type { Terminal } from "@xterm/xterm";
import { WIDE, ZERO } from "./width-table.ts";

/** The name that the provider is registered under. */
export const UNICODE_VERSION = "termfleet";

/** Code points of the basic plane, where nearly all text is: they are looked up in a table. */
const BASIC = 0x1_0000;
/** Below these a character takes one cell: printable ASCII. */
const ASCII_END = 0x7f;

/** What of a terminal is needed; it is proposed API: `allowProposedApi` must be set. */
export type UnicodeTerminal = Pick<Terminal, "unicode">;

/** Lets a terminal count cells as the server does, from now on. */
export function registerUnicode(terminal: UnicodeTerminal): void {
  terminal.unicode.register({ version: UNICODE_VERSION, wcwidth: widthOf, charProperties });
  terminal.unicode.activeVersion = UNICODE_VERSION;
}

/** How many cells a code point takes. */
export function widthOf(code: number): 0 | 1 | 2 {
  if (code < ASCII_END && code >= 0x20) return 1;
  basic ??= basicTable();
  if (code < BASIC) return basic[code] as 0 | 1 | 2;
  if (contains(zero(), code)) return 0;
  return contains(wide(), code) ? 2 : 1;
}

/**
 * A character after another, as xterm.js packs it: bit 0 says whether it joins that one, the next
 * two how many cells both take, the rest is the provider's own.
 */
function charProperties(code: number, preceding: number): number {
  const width = widthOf(code);
  if (width > 0) return width << 1;
  // After a movement of the cursor there is no preceding character, but there is a cell to join.
  const joined = (preceding >> 1) & 3;
  return (joined << 1) | 1;
}

type Runs = readonly (readonly [start: number, end: number])[];

let basic: Uint8Array | undefined;
let zeroRuns: Runs | undefined;
let wideRuns: Runs | undefined;

function zero(): Runs {
  return (zeroRuns ??= decode(ZERO));
}

function wide(): Runs {
  return (wideRuns ??= decode(WIDE));
}

function basicTable(): Uint8Array {
  const table = new Uint8Array(BASIC).fill(1);
  for (const [start, end] of zero()) table.fill(0, start, end);
  for (const [start, end] of wide()) table.fill(2, start, end);
  return table;
}

function decode(text: string): Runs {
  let at = 0;
  return text
    .split(",")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [gap = 0, length = 0] = pair.split(" ").map((digits) => Number.parseInt(digits, 36));
      const start = at + gap;
      at = start + length;
      return [start, at];
    });
}

function contains(runs: Runs, code: number): boolean {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const run = runs[middle];
    if (!run || code < run[0]) high = middle;
    else if (code >= run[1]) low = middle + 1;
    else return true;
  }
  return false;
}
