/**
 * Keeps a terminal from answering queries that were answered already. xterm.js gives keys and its
 * own answers through the same event; an answer is told by its query, which is parsed in the same
 * breath: every sequence that xterm.js 6 answers is watched here.
 */
import type { IDisposable, Terminal } from "@xterm/xterm";

/** CSI sequences with an answer: device attributes, status reports, modes, window sizes. */
const CSI_QUERIES = [
  { final: "c" },
  { prefix: ">", final: "c" },
  { prefix: "=", final: "c" },
  { final: "n" },
  { prefix: "?", final: "n" },
  { final: "t" },
  { intermediates: "$", final: "p" },
  { prefix: "?", intermediates: "$", final: "p" },
  { prefix: ">", final: "q" },
  { prefix: "?", final: "u" },
] as const;
/** OSC sequences that ask for a colour when they carry a question mark. */
const COLOUR_QUERIES = [4, 10, 11, 12] as const;
/** The mode that reports focus, at once when it is set. */
const FOCUS_REPORTS = 1004;

/** Watches a terminal's queries; `silent` is asked at each whether to keep the answer back. */
export class Replies implements IDisposable {
  readonly #hooks: IDisposable[] = [];
  #answering = false;

  constructor(
    terminal: Pick<Terminal, "parser">,
    private readonly silent: () => boolean,
  ) {
    const { parser } = terminal;
    for (const id of CSI_QUERIES) {
      this.#hooks.push(parser.registerCsiHandler(id, () => this.#query()));
    }
    for (const ident of COLOUR_QUERIES) {
      const ask = (data: string): boolean => data.includes("?") && this.#query();
      this.#hooks.push(parser.registerOscHandler(ident, ask));
    }
    for (const intermediates of ["$", "+"]) {
      const id = { intermediates, final: "q" };
      this.#hooks.push(parser.registerDcsHandler(id, () => this.#query()));
    }
    this.#hooks.push(
      parser.registerCsiHandler({ prefix: "?", final: "h" }, (params) =>
        params.includes(FOCUS_REPORTS) ? this.#query() : false,
      ),
    );
  }

  /** Shall this data of the terminal be kept from the shell? */
  swallows(): boolean {
    return this.#answering && this.silent();
  }

  dispose(): void {
    for (const hook of this.#hooks) hook.dispose();
  }

  /** A sequence that xterm.js answers; "not handled", as the rest of what it does is wanted. */
  #query(): false {
    this.#answering = true;
    // Answers come before the parser returns; keys come in tasks of their own, after this.
    queueMicrotask(() => {
      this.#answering = false;
    });
    return false;
  }
}
