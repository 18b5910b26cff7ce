/**
 * Whether what has scrolled away goes on in a screen that was drawn anew. Two terminals that take a
 * new size may put the border between the two in different places: then rows would be missing there,
 * or stand there twice. The text just above the screen is compared with the server's. Nothing here
 * sends or draws.
 */

/** Rows above the screen that the server is asked for. */
export const SEAM_ROWS = 20;
/** So much of their text is compared. */
export const SEAM_CHARACTERS = 200;
/** Output got in the way: it is tried again after this, … */
export const SEAM_AGAIN_MS = 500;
/** … so often; a program that never rests soon has other rows there, which both have seen. */
const TRIES = 4;

/** Sequences in the rows that the server tells: styles and links. */
const SEQUENCES = /\x1b\[[0-9;:]*m|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)/g;

export interface SeamHost {
  /** Asks the server for the rows just above its screen; `answer` is given nothing if it does not say. */
  ask(answer: (rows: readonly string[] | undefined) => void): void;
  /** Everything before this is drawn and nothing else; none while anything is being drawn. */
  drawn(): number | undefined;
  /** The text just above the screen here, as {@link bare} has it. */
  above(): string;
  /** It does not go on, or the server cannot tell: everything has to be drawn anew. */
  broken(): void;
}

export class Seam {
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Answers to earlier questions count for nothing. */
  #generation = 0;
  #tries = 0;

  constructor(private readonly host: SeamHost) {}

  /** The screen was drawn anew. */
  look(): void {
    this.#tries = TRIES;
    this.#ask();
  }

  stop(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
  }

  #ask(): void {
    this.stop();
    const asked = this.#generation;
    const at = this.host.drawn();
    if (at === undefined) return this.#again();
    this.host.ask((rows) => {
      if (asked !== this.#generation) return;
      if (rows && this.host.drawn() !== at) return this.#again();
      if (!rows || !joins(rows, this.host.above())) this.host.broken();
    });
  }

  #again(): void {
    this.#tries -= 1;
    if (this.#tries > 0) this.#timer = setTimeout(() => this.#ask(), SEAM_AGAIN_MS);
  }
}

/** A text without spaces: where rows end is every terminal's own. */
export function bare(text: string): string {
  return text.replace(/\s+/g, "");
}

function joins(rows: readonly string[], above: string): boolean {
  const theirs = bare(rows.join("").replace(SEQUENCES, "")).slice(-SEAM_CHARACTERS);
  const length = Math.min(theirs.length, above.length);
  // Here may be fewer rows than there, but not none, nor any if there are none.
  return (length > 0 || theirs === above) && theirs.slice(-length) === above.slice(-length);
}
