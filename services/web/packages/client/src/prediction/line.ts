/**
 * One line of a screen as it will look once the keys that are under way have been echoed. It only
 * knows how a line editor, or a terminal's own echo, treats the simplest keys.
 */
import type { Key } from "./keys.ts";

/** What is read of the real screen. Rows count from the first line that is kept. */
export interface RealScreen {
  readonly cols: number;
  /** Full-screen programs use it: nothing is foreseen there. */
  readonly isAlternate: boolean;
  readonly cursor: Place;
  /** What is in a cell: one character, or "" where nothing or a space is; `wide`: or more than that. */
  cell(row: number, col: number): { text: string; isPlain: boolean };
}

export interface Place {
  row: number;
  col: number;
}

/** A cell that will have another text. */
export interface Claim {
  text: string;
  /** The input offset after the key that makes it so. */
  end: number;
  /** In which epoch it was made: it is shown once an echo of that epoch has been seen. */
  epoch: number;
  /** What the cell had before, and so proves nothing if it has it then. */
  before: string[];
}

/** What a key has done: where it leaves the cursor. */
interface Step {
  end: number;
  epoch: number;
  col: number;
}

/** So many empty cells in a row end what moves along when something is inserted. */
const GAP = 4;

export class Line {
  readonly claims = new Map<number, Claim>();
  readonly steps: Step[] = [];
  readonly row: number;
  /** Where the cursor was before the first of the keys. */
  readonly from: number;
  #col: number;

  /** `floor`: where what can be edited begins, if that is known. */
  constructor(
    private readonly screen: RealScreen,
    private readonly floor: number | undefined,
  ) {
    const { row, col } = screen.cursor;
    this.row = row;
    this.from = this.#col = col;
  }

  /** Where the cursor will be. */
  get col(): number {
    return this.#col;
  }

  /** Does a cursor that is seen there fit to the keys that are under way? */
  explains({ row, col }: Place): boolean {
    return row === this.row && (col === this.from || this.steps.some((step) => step.col === col));
  }

  /** Takes a key whose bytes end at this offset; false if its effect cannot be foreseen. */
  take(key: Key, end: number, epoch: number): boolean {
    const col = this.#after(key, end, epoch);
    if (col === undefined) return false;
    this.#col = col;
    this.steps.push({ end, epoch, col });
    return true;
  }

  #after(key: Key, end: number, epoch: number): number | undefined {
    switch (key.kind) {
      case "text":
        return this.#insert(key.char, end, epoch);
      case "backspace":
        return this.#erase(end, epoch);
      case "left":
        return this.#col > this.#leftmost ? this.#col - 1 : undefined;
      case "right":
        return this.#col < this.#textEnd() ? this.#col + 1 : undefined;
      case "enter":
      case "other":
        return undefined;
    }
  }

  get #leftmost(): number {
    return this.floor ?? this.from;
  }

  /** The text of a cell as it will be. */
  #text(col: number): string {
    return this.claims.get(col)?.text ?? this.screen.cell(this.row, col).text;
  }

  #insert(char: string, end: number, epoch: number): number | undefined {
    const col = this.#col;
    const { cols } = this.screen;
    // In the last column lines wrap, each editor in its own way.
    if (col >= cols - 1) return undefined;
    const text = char === " " ? "" : char;
    const atEnd = this.#text(col) === "" && this.#text(col + 1) === "";
    // A suggestion that is typed as it stands.
    if (!atEnd && this.#text(col) !== text) {
      const last = this.#tailEnd(col);
      if (last === undefined || last >= cols - 1) return undefined;
      for (let at = last; at > col; at -= 1) this.#claim(at, this.#text(at - 1), end, epoch);
    }
    this.#claim(col, text, end, epoch);
    return col + 1;
  }

  #erase(end: number, epoch: number): number | undefined {
    const col = this.#col - 1;
    if (col < this.#leftmost) return undefined;
    const last = this.#tailEnd(col + 1);
    if (last === undefined) return undefined;
    for (let at = col; at < last; at += 1) this.#claim(at, this.#text(at + 1), end, epoch);
    this.#claim(last, "", end, epoch);
    return col;
  }

  /** The first empty cell behind the text from `col` on; none if that is not made of plain cells. */
  #tailEnd(col: number): number | undefined {
    const { cols } = this.screen;
    let end = col;
    for (let at = col; at < Math.min(end + GAP, cols); at += 1) {
      if (!this.screen.cell(this.row, at).isPlain) return undefined;
      if (this.#text(at) !== "") end = at + 1;
    }
    return end < cols ? end : undefined;
  }

  /** Behind the last text of the line. */
  #textEnd(): number {
    for (let at = this.screen.cols - 1; at >= 0; at -= 1) if (this.#text(at) !== "") return at + 1;
    return 0;
  }

  #claim(col: number, text: string, end: number, epoch: number): void {
    const old = this.claims.get(col);
    const before = [...(old?.before ?? []), old?.text ?? this.screen.cell(this.row, col).text];
    this.claims.set(col, { text, end, epoch, before });
  }
}
