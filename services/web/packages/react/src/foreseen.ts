/**
 * Draws echoes that are foreseen over a terminal, and the cursor where it will be. The terminal's own
 * screen is never touched: taking the layer away shows what is really there.
 */
import type { Overlay, Prediction } from "@termfleet/client/xterm";
import type { IDisposable, Terminal } from "@xterm/xterm";

/** Where xterm.js draws its rows. */
const SCREEN = ".xterm-screen";

export class ForeseenLayer {
  readonly #layer = document.createElement("div");
  readonly #unsubscribe: () => void;
  readonly #scrolled: IDisposable;

  constructor(
    private readonly terminal: Terminal,
    private readonly prediction: Prediction,
  ) {
    this.#layer.className = "termfleet-foreseen";
    // Screen readers are told of the echo itself.
    this.#layer.setAttribute("aria-hidden", "true");
    Object.assign(this.#layer.style, { position: "absolute", inset: "0", pointerEvents: "none" });
    this.#unsubscribe = prediction.overlay.subscribe(() => this.#draw());
    this.#scrolled = terminal.onScroll(() => this.#draw());
  }

  /** Puts the layer over the terminal, which has been opened. */
  mount(): void {
    this.terminal.element?.querySelector(SCREEN)?.append(this.#layer);
  }

  dispose(): void {
    this.#unsubscribe();
    this.#scrolled.dispose();
    this.#layer.remove();
  }

  #draw(): void {
    const overlay = this.prediction.overlay.get();
    const row = overlay ? overlay.row - this.terminal.buffer.active.viewportY : -1;
    const isVisible = overlay && row >= 0 && row < this.terminal.rows;
    this.#layer.replaceChildren(...(isVisible ? this.#cells(overlay, row) : []));
  }

  #cells(overlay: Overlay, row: number): HTMLElement[] {
    const texts = new Map(overlay.cells.map(({ col, text }) => [col, text]));
    const text = (col: number): string => texts.get(col) ?? this.#real(overlay.row, col);
    const { cursor } = overlay;
    // The cursor is drawn where it will be, and not where it is.
    if (cursor) texts.set(cursor.from.col, text(cursor.from.col)).set(cursor.col, text(cursor.col));
    return [...texts].map(([col, shown]) => this.#cell(row, col, shown, col === cursor?.col));
  }

  #real(row: number, col: number): string {
    return this.terminal.buffer.active.getLine(row)?.getCell(col)?.getChars() ?? "";
  }

  #cell(row: number, col: number, text: string, isCursor: boolean): HTMLElement {
    const { cols, rows, options } = this.terminal;
    const { background = "#000", foreground = "#fff", cursor, cursorAccent } = options.theme ?? {};
    const width = this.#layer.clientWidth / cols;
    const height = this.#layer.clientHeight / rows;
    const cell = document.createElement("span");
    cell.textContent = text;
    Object.assign(cell.style, {
      position: "absolute",
      left: `${col * width}px`,
      top: `${row * height}px`,
      width: `${width}px`,
      height: `${height}px`,
      lineHeight: `${height}px`,
      fontFamily: options.fontFamily ?? "monospace",
      fontSize: `${options.fontSize ?? 14}px`,
      whiteSpace: "pre",
      overflow: "hidden",
      background: isCursor ? (cursor ?? foreground) : background,
      color: isCursor ? (cursorAccent ?? background) : foreground,
    });
    return cell;
  }
}
