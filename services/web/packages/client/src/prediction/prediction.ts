/** Foreseen echoes for an attachment on an xterm.js terminal: who draws them listens to `overlay`. */
import type { IDisposable, Terminal } from "@xterm/xterm";
import type { Attachment } from "../attachment.ts";
import type { Unsubscribe } from "../emitter.ts";
import { type Readable, Store } from "../store.ts";
import type { Place, RealScreen } from "./line.ts";
import { type Overlay, Predictor } from "./predictor.ts";

/** What of xterm.js is read. */
export type PredictedTerminal = Pick<
  Terminal,
  "buffer" | "cols" | "write" | "onWriteParsed" | "onResize"
>;

export class Prediction implements IDisposable {
  readonly #overlay = new Store<Overlay | undefined>(undefined);
  readonly #predictor: Predictor;
  readonly #subscriptions: IDisposable[];
  #attachment: Attachment | undefined;
  #watches: Unsubscribe[] = [];

  constructor(private readonly terminal: PredictedTerminal) {
    this.#predictor = new Predictor(realScreen(terminal));
    this.#subscriptions = [
      terminal.onWriteParsed(() => this.#do((predictor) => predictor.drawn())),
      terminal.onResize(() => this.#reset()),
    ];
  }

  /** What is to be drawn over the terminal now. */
  get overlay(): Readable<Overlay | undefined> {
    return this.#overlay;
  }

  /** How long a key takes to be seen, in milliseconds, once one was. */
  get delay(): number | undefined {
    return this.#predictor.delay.ms;
  }

  /** The session that is typed into. */
  connect(attachment: Attachment): void {
    this.#unwatch();
    this.#attachment = attachment;
    this.#reset();
    this.#watches = [
      attachment.events.on("attached", () => this.#reset()),
      attachment.events.on("acked", ({ echo }) => {
        // The echo may still wait to be parsed.
        this.terminal.write("", () => this.#do((predictor) => predictor.echoed(echo)));
      }),
      attachment.state.subscribe(() => {
        if (!this.#isTyping && this.#overlay.get()) this.#reset();
      }),
    ];
  }

  /** This was typed, and the session took it. */
  typed(text: string): void {
    const attachment = this.#attachment;
    if (!attachment) return;
    if (this.#isTyping) this.#do((predictor) => predictor.typed(text, attachment.typedTo));
    else this.#reset();
  }

  dispose(): void {
    this.#unwatch();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Are keys on their way to the shell as they are typed? */
  get #isTyping(): boolean {
    const state = this.#attachment?.state.get();
    return state?.phase === "live" && state.driver === "me" && state.exit === undefined;
  }

  #reset(): void {
    const typedTo = this.#attachment?.typedTo ?? 0;
    this.#do((predictor) => predictor.reset(typedTo));
  }

  #do(change: (predictor: Predictor) => void): void {
    change(this.#predictor);
    const overlay = this.#predictor.overlay;
    if (overlay || this.#overlay.get()) this.#overlay.set(overlay);
  }

  #unwatch(): void {
    for (const unwatch of this.#watches.splice(0)) unwatch();
  }
}

/** What is read of a terminal. */
export function realScreen(terminal: Pick<Terminal, "buffer" | "cols">): RealScreen {
  return {
    get cols() {
      return terminal.cols;
    },
    get isAlternate() {
      return terminal.buffer.active.type === "alternate";
    },
    get cursor(): Place {
      const { baseY, cursorX, cursorY } = terminal.buffer.active;
      return { row: baseY + cursorY, col: cursorX };
    },
    cell(row, col) {
      const cell = terminal.buffer.active.getLine(row)?.getCell(col);
      const text = cell?.getChars() ?? "";
      const isPlain = (cell?.getWidth() ?? 1) === 1 && text.length <= 1;
      return { text: text === " " ? "" : text, isPlain };
    },
  };
}
