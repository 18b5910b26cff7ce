/**
 * The web terminal as somebody at a keyboard sees it: what is on the screen, and keys. It asks the
 * page through `window.termfleet`, which shows and never types.
 */
import assert from "node:assert/strict";
import { PROMPT } from "./dev.mjs";
import { until } from "./wait.mjs";

export class Terminal {
  /** @param {import("playwright-core").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** Opens a URL and waits until the cursor is in a terminal: nobody clicks. */
  async open(url) {
    await this.page.goto(url);
    await this.#cursor();
  }

  async reload() {
    await this.page.reload();
    await this.#cursor();
  }

  async #cursor() {
    const inTerminal = () => document.activeElement?.classList.contains("xterm-helper-textarea");
    await until("the cursor to be in the terminal", () => this.page.evaluate(inTerminal));
  }

  /** The text on the screen of a tab, or of the active one. */
  screen(tab) {
    return this.page.evaluate((name) => window.termfleet?.screen(name) ?? "", tab);
  }

  /** The same with everything that has scrolled off. */
  buffer(tab) {
    return this.page.evaluate((name) => window.termfleet?.buffer(name) ?? "", tab);
  }

  tabs() {
    return this.page.evaluate(() => window.termfleet?.tabs() ?? []);
  }

  async activeTab() {
    return (await this.tabs()).find((tab) => tab.active);
  }

  /** The connection's status as the page shows it. */
  async status() {
    return await this.page.getByTestId("connection-status").getAttribute("data-state");
  }

  async type(text) {
    await this.page.keyboard.type(text);
  }

  /** Presses keys, one after the other. */
  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Types a command line. */
  async run(command) {
    await this.type(command);
    await this.press("Enter");
  }

  /** Waits until the screen shows what a pattern matches. */
  async shows(pattern, options = {}) {
    await until(`the screen to show ${pattern}`, async () => pattern.test(await this.screen()), {
      seen: () => this.screen(),
      ...options,
    });
  }

  /** Waits until the shell asks for a command. */
  async prompt(options = {}) {
    await until("the prompt", async () => (await this.screen()).trimEnd().endsWith(PROMPT), {
      seen: () => this.screen(),
      ...options,
    });
  }

  /** Types a command line and waits until the shell asks for the next one. */
  async command(text) {
    const asked = async () => (await this.buffer()).split("\n").filter((line) => line.startsWith(PROMPT)).length;
    const before = await asked();
    await this.run(text);
    await until(`the end of ${text}`, async () => (await asked()) > before, { seen: () => this.screen() });
  }

  /** Runs a command and returns what it printed: the screen must have room for it. */
  async output(command) {
    await this.press("Control+l");
    await until("a clear screen", async () => (await this.screen()).trim() === PROMPT, {
      seen: () => this.screen(),
    });
    await this.run(command);
    const done = await until(
      `the end of ${command}`,
      async () => {
        const lines = (await this.screen()).trimEnd().split("\n");
        return lines.length > 1 && lines.at(-1) === PROMPT ? lines : undefined;
      },
      { seen: () => this.screen() },
    );
    return done.slice(1, -1).join("\n");
  }

  async statusIs(...wanted) {
    await until(
      `the connection to be ${wanted.join(" or ")}`,
      async () => wanted.includes(await this.status()),
      { seen: () => this.status() },
    );
  }

  /** Waits until this page drives its terminal, or another one does. */
  async driverIs(driver) {
    await until(`the driver to be ${driver}`, async () => (await this.activeTab())?.driver === driver, {
      seen: async () => (await this.activeTab())?.driver,
    });
  }

  /** Asserts what the banner of the active tab says. */
  async banner(pattern) {
    const banner = this.page.getByTestId("banner");
    await banner.waitFor();
    assert.match(await banner.innerText(), pattern);
  }
}
