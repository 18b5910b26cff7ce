/**
 * Somebody at a terminal without a page: the client package on xterm.js's own parser. Everything that
 * is drawn over the screen is written down.
 */
import { createRequire } from "node:module";
import { Connection } from "../../../services/web/packages/client/dist/index.js";
import { registerUnicode, XtermScreen } from "../../../services/web/packages/client/dist/xterm.js";
import { DEADLINE_MS, until } from "./wait.mjs";

const require = createRequire(new URL("../../../services/web/package.json", import.meta.url));
const xterm = require("@xterm/headless");
const { WebSocket } = require("ws");

/** Between two keys: somebody who types fast. */
const KEY_MS = 70;

export class Typist {
  terminal = new xterm.Terminal({ cols: 80, rows: 24, scrollback: 1_000, allowProposedApi: true });
  screen;
  /** Every text that was ever drawn over the screen, with how long it stood there. */
  drawn = [];
  /** How often something was drawn over the screen. */
  overlays = 0;
  #standing = new Map();

  constructor() {
    registerUnicode(this.terminal);
    this.screen = new XtermScreen(this.terminal);
    this.screen.prediction.overlay.subscribe(() => this.#note(this.screen.prediction.overlay.get()));
  }

  /** Opens a session of its own, over this way. */
  async open(origin, token) {
    this.connection = new Connection({
      url: `${origin.replace("http", "ws")}/terminal`,
      token: () => token,
      webSocket: WebSocket,
    });
    this.connection.connect();
    await until("the connection", () => this.connection.state.get().phase === "connected");
    const { session } = await this.connection.request({ type: "create", projectId: "default" });
    const { screen } = this;
    const options = { screen, cols: 80, rows: 24, startEpoch: session.epoch };
    this.attachment = this.connection.attach(session.id, options);
    screen.connect(this.attachment);
    return this;
  }

  close() {
    this.attachment.detach();
    this.connection.close();
    this.screen.dispose();
  }

  /** Types, key by key; a key is a character or a sequence. */
  async type(...keys) {
    for (const key of keys.flatMap((text) => (text.startsWith("\x1b") ? [text] : [...text]))) {
      this.terminal.input(key);
      await new Promise((typed) => setTimeout(typed, KEY_MS));
    }
  }

  /** Everything at once, as nobody waits for answers. */
  hurry(text) {
    for (const key of text) this.terminal.input(key);
  }

  get text() {
    const { active } = this.terminal.buffer;
    const rows = Array.from({ length: 24 }, (_, row) => active.getLine(active.baseY + row));
    return rows.map((row) => row.translateToString(true)).join("\n").trimEnd();
  }

  async shows(pattern) {
    await until(`the screen to show ${pattern}`, () => pattern.test(this.text), { seen: () => this.text });
  }

  /** Waits until nothing is drawn over the screen, and nothing typed is under way. */
  async settled() {
    await until("every echo", () => !this.screen.prediction.overlay.get(), { deadlineMs: DEADLINE_MS });
  }

  #note(overlay) {
    const now = performance.now();
    const standing = new Map();
    for (const { col, text } of overlay?.cells ?? []) {
      const key = `${overlay.row}:${col}:${text}`;
      standing.set(key, this.#standing.get(key) ?? { text, since: now });
    }
    for (const [key, { text, since }] of this.#standing) {
      if (!standing.has(key)) this.drawn.push({ text, ms: now - since });
    }
    if (overlay) this.overlays += 1;
    this.#standing = standing;
  }
}
