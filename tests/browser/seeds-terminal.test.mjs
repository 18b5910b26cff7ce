/**
 * The second document's client, its tests and its k6 script, in a browser: `WebSocketTerminal` word
 * for word (`seeds/WebSocketTerminal.ts`), the k6 script word for word (`seeds/load-terminal.js`), and
 * the two Python tests as the messages that they send and expect.
 *
 * Completed, because the document leaves it out: the sessions that the scripts name are made first;
 * `xterm` is today's `@xterm/xterm`; `xterm-addon-websocket`, which the client imports and never
 * uses, is no module at all; `test_terminal_input_output` has comments for a body, which are done here.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { resolve, typescript } from "./support/chromium.mjs";
import { scenario } from "./support.mjs";
import { createAlias, doors, K6_WS, openModules, script, VISITOR } from "./support/seeds.mjs";
import { until } from "./support/wait.mjs";

const { listen, at } = await doors();
const ORIGIN = at("http://localhost:8000");
const OPTIONS = { args: ["--no-auth"], listen };

scenario("the document's WebSocketTerminal types into the shell and shows what it says", async (stage) => {
  await createAlias(stage.dev, "session-1");
  const { page } = await stage.visitor(VISITOR);
  await openModules(page, ORIGIN, {
    xterm: fs.readFileSync(resolve("@xterm/xterm/lib/xterm.mjs"), "utf8"),
    client: at(javascript(script("WebSocketTerminal.ts"))),
  });
  await page.addStyleTag({ path: resolve("@xterm/xterm/css/xterm.css") });
  await page.evaluate(async () => {
    const { WebSocketTerminal } = await import("client");
    new WebSocketTerminal(document.getElementById("terminal"), "session-1");
    document.querySelector("textarea").focus();
  });
  const rows = page.locator(".xterm-rows");
  const shown = async () => (await rows.innerText()).replaceAll("\u00a0", " ");
  await until("the prompt", async () => /demo\$ *$/m.test(await shown()), { seen: shown });
  await page.keyboard.type("echo seed-$((40 + 2)) > seed.txt; cat seed.txt");
  await page.keyboard.press("Enter");
  await until("the answer on the screen", async () => /^seed-42 *$/m.test(await shown()), { seen: shown });
  assert.equal(stage.dev.file("seed.txt"), "seed-42\n");
}, OPTIONS);

scenario("test_websocket_connection: the first message is connected", async (stage) => {
  await createAlias(stage.dev, "test-session");
  const socket = await connect(stage, "/ws/terminal/test-session");
  await socket.send({ type: "connect", sessionId: "test-session" });
  const [data] = await until("a message", async () => atLeast(1, await socket.received()));
  assert.equal(data.type, "connected");
  assert.equal(typeof data.sessionId, "string");
}, OPTIONS);

scenario("test_terminal_input_output: input reaches the shell, its output the client", async (stage) => {
  await createAlias(stage.dev, "test-session");
  fs.writeFileSync(path.join(stage.dev.work, "file1.txt"), "");
  const socket = await connect(stage, "/ws/terminal/test-session");
  await socket.send({ type: "connect", sessionId: "test-session" });
  await until("the initial content", async () => (await socket.output()).includes("demo"));
  await socket.send({ type: "input", data: "ls\n" });
  await until("the file's name", async () => (await socket.output()).includes("file1.txt"));
  await socket.send({ type: "resize", cols: 100, rows: 30 });
  await socket.send({ type: "input", data: "stty size\n" });
  await until("the new size", async () => (await socket.output()).includes("30 100"));
  for (const message of await socket.received()) {
    assert.ok(["connected", "output"].includes(message.type), JSON.stringify(message));
    assert.equal(typeof message.timestamp, "number");
  }
}, OPTIONS);

scenario("the k6 script of the second document lists the files", async (stage) => {
  await createAlias(stage.dev, "load-test");
  fs.writeFileSync(path.join(stage.dev.work, "file1.txt"), "");
  const listener = await connect(stage, "/ws/terminal/load-test");
  const { page } = await stage.visitor(VISITOR);
  await openModules(page, ORIGIN, { "k6/ws": K6_WS, load: at(script("load-terminal.js")) });
  await page.evaluate(async () => (await import("load")).default());
  await until("the file's name", async () => (await listener.output()).includes("file1.txt"));
}, OPTIONS);

/** A plain WebSocket in a page of the server's origin. */
async function connect(stage, url) {
  const { page } = await stage.visitor(VISITOR);
  await openModules(page, ORIGIN, {});
  await page.evaluate(async (to) => {
    const socket = new WebSocket(to);
    window.socket = socket;
    window.received = [];
    socket.onmessage = ({ data }) => window.received.push(JSON.parse(data));
    await new Promise((opened, failed) => {
      socket.onopen = opened;
      socket.onerror = () => failed(new Error("no connection"));
    });
  }, ORIGIN.replace("http", "ws") + url);
  const received = () => page.evaluate(() => window.received);
  return {
    received,
    send: (message) => page.evaluate((text) => window.socket.send(text), JSON.stringify(message)),
    output: async () => {
      const output = (await received()).filter(({ type }) => type === "output");
      return output.map(({ data }) => data).join("");
    },
  };
}

function atLeast(count, list) {
  return list.length >= count ? list : undefined;
}

/** TypeScript without its types; an import that nothing uses goes with them. */
function javascript(source) {
  const { ModuleKind, ScriptTarget, transpileModule } = typescript();
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
  return transpileModule(source, { compilerOptions }).outputText;
}
