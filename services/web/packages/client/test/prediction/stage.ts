/** A terminal with its predictor, and a clock: a test plays the shell and the way to it. */
import xterm from "@xterm/headless";
import { keysOf } from "../../src/prediction/keys.ts";
import { realScreen } from "../../src/prediction/prediction.ts";
import { Predictor } from "../../src/prediction/predictor.ts";


export class Stage {
  readonly terminal = new xterm.Terminal({ cols: 40, rows: 6, allowProposedApi: true });
  now = 1_000;
  readonly predictor = new Predictor(realScreen(this.terminal), () => this.now);
  /** What is printed takes this long to come, after the keys before it. */
  delayMs = 100;
  #end = 0;

  /** With a prompt on the screen that came after Enter. */
  static async start(prompt = "$ "): Promise<Stage> {
    const stage = new Stage();
    await stage.print(prompt);
    stage.predictor.typed("\r", (stage.#end += 1));
    await stage.print(`\r\n${prompt}`);
    stage.echoed();
    return stage;
  }

  /** Keys, as the terminal gives them. */
  type(...texts: string[]): void {
    for (const text of texts) {
      this.#end += keysOf(text).reduce((sum, key) => sum + key.bytes, 0);
      this.predictor.typed(text, this.#end);
    }
  }

  /** The input offset after all keys. */
  get typedTo(): number {
    return this.#end;
  }

  /** Output comes and is drawn. */
  async print(text: string): Promise<void> {
    this.now += this.delayMs;
    await new Promise<void>((parsed) => this.terminal.write(text, parsed));
    this.predictor.drawn();
  }

  /** The server says that everything typed so far is echoed. */
  echoed(): void {
    this.predictor.echoed(this.#end);
  }

  /** Types a text whose echo comes as a line editor's does at the end of a line. */
  async typeAndEcho(text: string): Promise<void> {
    for (const char of text) {
      this.type(char);
      await this.print(char);
      this.echoed();
    }
  }

  /** The line with what is drawn over it; `_` is where the cursor is drawn. */
  get seen(): string {
    const { overlay } = this.predictor;
    const buffer = this.terminal.buffer.active;
    const row = overlay?.row ?? buffer.baseY + buffer.cursorY;
    const cells = [...(buffer.getLine(row)?.translateToString(false) ?? "")];
    for (const { col, text } of overlay?.cells ?? []) cells[col] = text === "" ? " " : text;
    cells.splice(overlay?.cursor?.col ?? buffer.cursorX, 0, "_");
    return cells.join("").trimEnd();
  }

  /** Is anything drawn over the screen? */
  get isForeseen(): boolean {
    return this.predictor.overlay !== undefined;
  }
}
