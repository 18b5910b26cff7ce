/**
 * A scenario: a `dev` of its own, and visitors with a browser each. Whatever happens in it, every
 * process is ended; if it fails, the server's log is printed and every page photographed.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { closeBrowser, visitor } from "./support/chromium.mjs";
import { Dev } from "./support/dev.mjs";
import { Terminal } from "./support/terminal.mjs";

/** Longer than all deadlines that one scenario may wait for in vain. */
const SCENARIO_MS = 150_000;

after(closeBrowser);

class Stage {
  #visitors = [];

  /** @param {Dev} dev */
  constructor(dev) {
    this.dev = dev;
  }

  /** Somebody else: another browser profile. */
  async visitor(options) {
    const one = await visitor(options);
    this.#visitors.push(one);
    return new Terminal(one.page);
  }

  /** Everything that any page complained about. */
  get complaints() {
    return this.#visitors.flatMap(({ complaints }) => complaints);
  }

  async report(name) {
    console.error(`--- ${name} ---\nthe pages complained: ${JSON.stringify(this.complaints)}`);
    for (const [at, { page }] of this.#visitors.entries()) {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "termfleet-failed-"));
      const file = path.join(folder, `page-${at + 1}.png`);
      const taken = page.screenshot({ path: file, timeout: 5_000 });
      await taken.then(
        () => console.error(`screenshot: ${file}`),
        (error) => console.error(`no screenshot: ${error.message}`),
      );
    }
    console.error(`--- what the server logged ---\n${this.dev.log}`);
  }

  async close() {
    for (const { context } of this.#visitors) await context.close().catch(() => {});
    await this.dev.end();
  }
}

/**
 * A test with a server of its own: `dev`, or another one that can be started and ended.
 *
 * @param {string} name what is so, as a sentence
 * @param {(stage: Stage) => Promise<void>} body
 * @param {{ server?: { start: Function }, args?: string[], listen?: string[], complaints?: RegExp }} [options]
 *   how it is started,
 *   and which complaints of a page belong to the story
 */
export function scenario(name, body, { complaints, server = Dev, ...options } = {}) {
  test(name, { timeout: SCENARIO_MS }, async () => {
    const stage = new Stage(await server.start(options));
    try {
      await body(stage);
      const unexpected = stage.complaints.filter((text) => !complaints?.test(text));
      assert.deepEqual(unexpected, [], "no page complains");
    } catch (error) {
      await stage.report(name);
      throw error;
    } finally {
      await stage.close();
    }
  });
}

/** What a browser says about a server that is away for a while. */
export const SERVER_AWAY = /WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED|net::ERR_CONNECTION_RESET|net::ERR_EMPTY_RESPONSE|net::ERR_INCOMPLETE_CHUNKED/;
