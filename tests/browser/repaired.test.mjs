/**
 * A screen that was damaged from outside, as a stray script of a page or a mistake in an emulator
 * would: the comparison with the server's finds it, and a snapshot puts it right.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { resolve } from "./support/chromium.mjs";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

const require = createRequire(resolve("@termfleet/client/package.json"));
const { Terminal } = require("@xterm/headless");
/** The client package as it was built. */
const SDK = path.join(path.dirname(resolve("@termfleet/client/package.json")), "dist");
const { Connection, TerminalApi } = await import(pathToFileURL(path.join(SDK, "index.js")));
const { registerUnicode, XtermScreen } = await import(pathToFileURL(path.join(SDK, "xterm.js")));

const SIZE = { cols: 80, rows: 24 };
/** They are compared every 40 s. */
const PATIENCE = { deadlineMs: 130_000 };
const SHOWN = String.raw`seq 1 60; printf '\e[1;31mred\e[m \xe2\x9c\x85 \e[7minverse\e[m done-%d\n' $((40+2))`;
/** Text in the wrong place, and what would spoil all that comes: a region, a charset, another screen. */
const DAMAGE = "\x1b[5;9Hgarbage\x1b[3;10r\x1b(0\x1b[?6h\x1b[?7l\x1b[41m\x1b[?1049h\x1b[Hlost";

scenario("a damaged screen is found out and drawn anew", async ({ dev }) => {
  const api = new TerminalApi({ origin: dev.origin, token: () => dev.ready.token });
  const session = await api.createSession({ projectId: "default" });
  const one = viewer(dev, session);
  try {
    const repairs = [];
    one.attachment.events.on("repaired", (count) => repairs.push(count));
    const server = async () => (await api.readScreen(session.id)).trimEnd();
    const same = async () => text(one.terminal) === (await server());
    const type = (line) => one.attachment.send(new TextEncoder().encode(`${line}\r`));
    type(SHOWN);
    await until("the output", async () => text(one.terminal).includes("done-42") && (await same()));
    const undamaged = picture(one.terminal);

    await new Promise((drawn) => one.terminal.write(DAMAGE, drawn));
    assert.notEqual(text(one.terminal), await server());
    assert.deepEqual(one.attachment.stats.get(), { same: 0, differs: 0, missed: 0 });

    const { stats } = one.attachment;
    await until("the repair", () => repairs.length > 0, { ...PATIENCE, seen: () => JSON.stringify(stats.get()) });
    await until("the server's screen", same, { seen: () => text(one.terminal) });
    assert.deepEqual(picture(one.terminal), undamaged);
    assert.deepEqual([repairs, stats.get().differs], [[1], 1]);

    // Nothing that could spoil what comes is left, and nobody typed the damage.
    type("echo after-$((40 + 2))");
    await until("what comes", async () => text(one.terminal).includes("after-42") && (await same()));
    assert.doesNotMatch(text(one.terminal), /garbage|lost/);
  } finally {
    // What is attached to is compared now and then, also while there is no connection.
    one.attachment.detach();
    one.connection.close();
  }
});

/** Somebody who looks at a session, with an emulator of his own. */
function viewer({ origin, ready }, session) {
  const terminal = new Terminal({ ...SIZE, allowProposedApi: true, scrollback: 1000 });
  registerUnicode(terminal);
  const [url, token] = [`${origin.replace("http", "ws")}/terminal`, () => ready.token];
  const connection = new Connection({ url, token, webSocket: require("ws") });
  const screen = new XtermScreen(terminal);
  const attachment = connection.attach(session.id, { screen, ...SIZE, startEpoch: session.epoch });
  screen.connect(attachment);
  connection.connect();
  return { terminal, connection, attachment };
}

/** What a terminal shows, as text. */
function text(terminal) {
  return rows(terminal)
    .map((line) => line.translateToString(true))
    .join("\n")
    .trimEnd();
}

/** All that can be seen: characters, colours, the cursor; and the modes that say what comes next. */
function picture(terminal) {
  const { active } = terminal.buffer;
  const cells = rows(terminal).map((line) =>
    Array.from({ length: terminal.cols }, (_, column) => {
      const cell = line.getCell(column);
      const [char, fore, back] = [cell.getChars() || " ", cell.getFgColor(), cell.getBgColor()];
      return `${char} ${fore} ${back} ${cell.isBold()} ${cell.isInverse()}`;
    }),
  );
  return { cells, cursor: [active.cursorY, active.cursorX], type: active.type, modes: terminal.modes };
}

function rows(terminal) {
  const { active } = terminal.buffer;
  return Array.from({ length: terminal.rows }, (_, row) => active.getLine(active.baseY + row));
}
