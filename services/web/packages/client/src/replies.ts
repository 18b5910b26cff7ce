/**
 * Keeps a terminal from answering queries that somebody else answers, or has answered. xterm.js
 * gives keys and its own answers through the same event; an answer is told by its query, which is
 * parsed in the same breath: every sequence that xterm.js 6 answers is watched here.
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

/**
 * What a terminal says by itself: the answer to a query, which the server may give in its place, or
 * a report of its own window's focus, which only it can give.
 */
export type Answer = "query" | "report";

/** Watches a terminal's queries; `silent` is asked at each whether to keep the answer back. */
export class Replies implements IDisposable {
  readonly #hooks: IDisposable[] = [];
  #answering: Answer | undefined;

  constructor(
    terminal: Pick<Terminal, "parser">,
    private readonly silent: (answer: Answer) => boolean,
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
        params.includes(FOCUS_REPORTS) ? this.#query("report") : false,
      ),
    );
  }

  /** Shall this data of the terminal be kept from the shell? */
  swallows(): boolean {
    return this.#answering !== undefined && this.silent(this.#answering);
  }

  dispose(): void {
    for (const hook of this.#hooks) hook.dispose();
  }

  /** A sequence that xterm.js answers; "not handled", as the rest of what it does is wanted. */
  #query(answer: Answer = "query"): false {
    this.#answering = answer;
    // Answers come before the parser returns; keys come in tasks of their own, after this.
    queueMicrotask(() => {
      this.#answering = undefined;
    });
    return false;
  }
}
