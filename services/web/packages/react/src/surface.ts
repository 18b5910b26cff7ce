/**
 * One xterm.js terminal with its place on the page. It outlives every component that shows it, so
 * that moving or hiding a tab never loses a screen.
 */
import { type Attachment } from "@termfleet/client";
import { registerUnicode, XtermScreen } from "@termfleet/client/xterm";
import { FitAddon } from "@xterm/addon-fit";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { type ITerminalOptions, Terminal } from "@xterm/xterm";
import { ForeseenLayer } from "./foreseen.ts";
import { openLink } from "./links.ts";
import { TERMINAL_OPTIONS } from "./theme.ts";

/** A terminal's size in cells. */
export interface Size {
  cols: number;
  rows: number;
}

/** The sizes that a session may have. */
const COLS = [2, 1000] as const;
const ROWS = [1, 500] as const;
/** A terminal larger than its place, as another window drives it, is drawn no smaller than this. */
const SMALLEST_FONT = 5;

export interface SurfaceOptions {
  /** The place has room for this size now. */
  onSize(size: Size): void;
  /** Something was typed that the session does not take. */
  onRefused?(text: string): void;
  /** A key is pressed or let go; true keeps it from the terminal. */
  onKey?(event: KeyboardEvent): boolean;
  onTitle?(title: string): void;
  onBell?(): void;
  /** It has come into view on the page, or has been scrolled out of it. */
  onView?(inView: boolean): void;
  terminal?: ITerminalOptions;
}

export class TerminalSurface {
  /** What to put on the page. It fills its parent. */
  readonly element: HTMLDivElement;
  readonly terminal: Terminal;
  readonly screen: XtermScreen;
  readonly #fit = new FitAddon();
  readonly #observer: ResizeObserver;
  readonly #viewed: IntersectionObserver;
  readonly #foreseen: ForeseenLayer;
  readonly #fontSize: number;
  #frame = 0;

  constructor(private readonly options: SurfaceOptions) {
    this.element = document.createElement("div");
    this.element.className = "termfleet-surface";
    this.terminal = new Terminal({
      ...TERMINAL_OPTIONS,
      linkHandler: { activate: openLink },
      ...options.terminal,
      allowProposedApi: true,
    });
    registerUnicode(this.terminal);
    this.#fontSize = this.terminal.options.fontSize ?? 14;
    this.terminal.loadAddon(this.#fit);
    this.terminal.loadAddon(new WebLinksAddon(openLink));
    this.screen = new XtermScreen(this.terminal, options.onRefused);
    this.terminal.attachCustomKeyEventHandler((event) => !options.onKey?.(event));
    this.terminal.onTitleChange((title) => options.onTitle?.(title));
    this.terminal.onBell(() => {
      if (!this.screen.replaying) options.onBell?.();
    });
    this.terminal.onResize(() => this.#scale());
    this.#foreseen = new ForeseenLayer(this.terminal, this.screen.prediction);
    this.#observer = new ResizeObserver(() => this.#sizeSoon());
    this.#viewed = new IntersectionObserver((entries) => {
      const newest = entries.at(-1);
      if (newest) options.onView?.(newest.isIntersecting);
    });
  }

  /** Puts it on the page. Its size is told from now on. */
  mount(parent: HTMLElement): void {
    parent.append(this.element);
    if (!this.terminal.element) {
      this.terminal.open(this.element);
      this.#foreseen.mount();
    }
    this.#observer.observe(this.element);
    this.#viewed.observe(this.element);
  }

  /** Takes it off the page; the screen stays. */
  unmount(): void {
    this.#observer.disconnect();
    this.#viewed.disconnect();
    cancelAnimationFrame(this.#frame);
    this.element.remove();
  }

  /** The size that the place has room for at the usual font size, if it is on the page. */
  measure(): Size | undefined {
    this.terminal.options.fontSize = this.#fontSize;
    const proposed = this.#fit.proposeDimensions();
    if (!proposed || !Number.isFinite(proposed.cols) || !Number.isFinite(proposed.rows)) {
      return undefined;
    }
    return {
      cols: Math.min(Math.max(proposed.cols, COLS[0]), COLS[1]),
      rows: Math.min(Math.max(proposed.rows, ROWS[0]), ROWS[1]),
    };
  }

  /** Draws a session, and types into it. */
  show(attachment: Attachment): void {
    this.screen.connect(attachment);
  }

  focus(): void {
    this.terminal.focus();
  }

  /** The text on the screen, or with everything that has scrolled off it. */
  text(scrollback = false): string {
    const buffer = this.terminal.buffer.active;
    const from = scrollback ? 0 : buffer.baseY;
    const lines: string[] = [];
    for (let at = from; at < buffer.baseY + this.terminal.rows; at += 1) {
      lines.push(buffer.getLine(at)?.translateToString(true) ?? "");
    }
    return lines.join("\n");
  }

  dispose(): void {
    this.unmount();
    this.#foreseen.dispose();
    this.screen.dispose();
    this.terminal.dispose();
  }

  #sizeSoon(): void {
    // One measurement a frame, however many changes of the layout led to it.
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      const size = this.measure();
      if (size) this.options.onSize(size);
      this.#scale();
    });
  }

  /** Draws a terminal that is larger than its place smaller, so that all of it is seen. */
  #scale(): void {
    const room = this.measure();
    if (!room) return;
    const { cols, rows } = this.terminal;
    const scale = Math.min(1, room.cols / cols, room.rows / rows);
    if (scale === 1) return;
    const fontSize = Math.floor(this.#fontSize * scale * 2) / 2;
    this.terminal.options.fontSize = Math.max(SMALLEST_FONT, fontSize);
  }
}
