/**
 * Draws an attachment with xterm.js: `@termfleet/client/xterm`. The terminal is the caller's; only
 * its types are imported here.
 */
import type { IDisposable, Terminal } from "@xterm/xterm";
import type { Screen } from "./attach.ts";
import type { Attachment } from "./attachment.ts";
import { fingerprint } from "./fingerprint.ts";
import { Prediction } from "./prediction/prediction.ts";
import { type Answer, Replies } from "./replies.ts";
import { bare, SEAM_CHARACTERS } from "./seam.ts";

export type { Prediction } from "./prediction/prediction.ts";
export type { Overlay } from "./prediction/predictor.ts";
export { registerUnicode, type UnicodeTerminal } from "./widths.ts";

/** What of xterm.js is used; `@xterm/headless` has it too. */
export type TerminalLike = Pick<
  Terminal,
  | "write"
  | "resize"
  | "cols"
  | "rows"
  | "parser"
  | "buffer"
  | "options"
  | "onData"
  | "onBinary"
  | "onWriteParsed"
  | "onResize"
>;

/** Reset to the initial state, whatever sequence was being parsed. */
const RESET = "\x18\x1bc";
/**
 * Ready for being drawn anew: no sequence open, the main screen, no link, and the modes, character
 * sets, colours and saved cursor in which a snapshot is drawn.
 */
const REDRAW =
  "\x18\x1b[?1049l\x1b]8;;\x1b\\\x1b[?7h\x1b[?6l\x1b[4l\x1b[20l\x1b[r" +
  "\x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[m\x1b[H\x1b7";

/** A screen for {@link Attachment}s, and the keyboard that goes with it. */
export class XtermScreen implements Screen, IDisposable {
  /** The echoes that are foreseen while they are slow to come; whoever draws them asks it. */
  readonly prediction: Prediction;
  readonly #replies: Replies;
  readonly #subscriptions: IDisposable[];
  #attachment: Attachment | undefined;
  /** Is the chunk being parsed a replay? */
  #replay = false;
  /** Is the newest queued chunk one? */
  #queuedReplay = false;

  /** `onRefused` is called when something typed was not taken. */
  constructor(
    private readonly terminal: TerminalLike,
    private readonly onRefused: (data: string) => void = () => {},
  ) {
    // As the server does: else the border between the screen and what is above it would be elsewhere.
    terminal.options.reflowCursorLine = true;
    this.#replies = new Replies(terminal, (answer) => this.#keepsBack(answer));
    this.prediction = new Prediction(terminal);
    const encoder = new TextEncoder();
    this.#subscriptions = [
      terminal.onData((text) => this.#typed(text, encoder.encode(text))),
      terminal.onBinary((text) =>
        this.#typed(text, Uint8Array.from(text, (char) => char.charCodeAt(0))),
      ),
    ];
  }

  /** Is what is being parsed a replay, whose bells have rung and whose queries are answered? */
  get replaying(): boolean {
    return this.#replay;
  }

  /** Input goes to this attachment from now on. */
  connect(attachment: Attachment): void {
    this.#attachment = attachment;
    this.prediction.connect(attachment);
  }

  reset(cols: number, rows: number): void {
    this.#markReplay(true);
    this.terminal.write(RESET);
    this.resize(cols, rows);
  }

  redraw(cols: number, rows: number): void {
    this.resize(cols, rows);
    this.#markReplay(true);
    // To clear all rows at once might put them into the scrollback. The first may go on from there,
    // which erasing its characters does not change.
    const others = Array.from({ length: rows - 1 }, (_, row) => `\x1b[${row + 2}H\x1b[2K`).join("");
    this.terminal.write(`${REDRAW}\x1b[${cols}X${others}\x1b[H`);
  }

  above(): string {
    const { normal } = this.terminal.buffer;
    let text = "";
    for (let row = normal.baseY - 1; row >= 0 && text.length < SEAM_CHARACTERS; row -= 1) {
      text = bare(normal.getLine(row)?.translateToString(true) ?? "") + text;
    }
    return text.slice(-SEAM_CHARACTERS);
  }

  resize(cols: number, rows: number): void {
    // A write's callback runs between its neighbours: earlier bytes are drawn in the earlier size.
    this.terminal.write("", () => {
      const { terminal } = this;
      if (terminal.cols !== cols || terminal.rows !== rows) terminal.resize(cols, rows);
    });
  }

  write(data: Uint8Array, replay: boolean, parsed: () => void): void {
    this.#markReplay(replay);
    this.terminal.write(data, parsed);
  }

  digest(): string {
    return fingerprint(this.terminal);
  }

  dispose(): void {
    this.#replies.dispose();
    this.prediction.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #markReplay(replay: boolean): void {
    if (replay === this.#queuedReplay) return;
    this.#queuedReplay = replay;
    this.terminal.write("", () => {
      this.#replay = replay;
    });
  }

  /** Is this answer somebody else's to give? */
  #keepsBack(answer: Answer): boolean {
    const state = this.#attachment?.state.get();
    if (answer === "query" && state?.answersQueries) return true;
    return this.#replay || state?.driver !== "me";
  }

  #typed(text: string, bytes: Uint8Array): void {
    if (this.#replies.swallows()) return;
    if (!this.#attachment?.send(bytes)) return this.onRefused(text);
    this.prediction.typed(text);
  }
}
