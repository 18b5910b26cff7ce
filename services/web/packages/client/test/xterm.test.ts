/** The xterm.js binding against the real parser: replies are swallowed or given, keys never are. */
import { readFileSync } from "node:fs";
import xterm from "@xterm/headless";
import { expect, test } from "vitest";
import { type TerminalLike, XtermScreen } from "../src/xterm.ts";
import type { Attachment } from "../src/attachment.ts";
import { Emitter } from "../src/emitter.ts";
import { Store } from "../src/store.ts";
import { bytes } from "./fake.ts";

function terminal(driver: string, answersQueries = false) {
  const term = new xterm.Terminal({ cols: 80, rows: 24, allowProposedApi: true });
  const sent: string[] = [];
  const screen = new XtermScreen(term as unknown as TerminalLike);
  screen.connect({
    state: new Store({ driver, answersQueries }),
    events: new Emitter(),
    typedTo: 0,
    send: (data: Uint8Array) => sent.push(new TextDecoder().decode(data)) > 0,
  } as unknown as Attachment);
  const write = (text: string, replay: boolean) =>
    new Promise<void>((parsed) => screen.write(bytes(text), replay, parsed));
  return { term, sent, screen, write };
}

/** Everything that xterm.js 6 without a window answers. */
const QUERIES: [string, string][] = [
  ["primary attributes", "\x1b[c"],
  ["secondary attributes", "\x1b[>c"],
  ["status", "\x1b[5n"],
  ["cursor", "\x1b[6n"],
  ["cursor with page", "\x1b[?6n"],
  ["ANSI mode", "\x1b[4$p"],
  ["DEC mode", "\x1b[?25$p"],
  ["setting", "\x1bP$qm\x1b\\"],
];

test.each(QUERIES)("%s: a live driver answers once", async (_name, query) => {
  const { sent, write } = terminal("me");
  await write(query, false);
  expect(sent).toHaveLength(1);
});

test.each(QUERIES)("%s: nobody answers a replay", async (_name, query) => {
  const { sent, write } = terminal("me");
  await write(`a${query}b`, true);
  expect(sent).toEqual([]);
});

test.each(QUERIES)("%s: who does not drive does not answer", async (_name, query) => {
  const { sent, write } = terminal("other");
  await write(query, false);
  expect(sent).toEqual([]);
});

test.each(QUERIES)("%s: nobody answers what the server does", async (_name, query) => {
  const { term, sent, write } = terminal("me", true);
  await write(query, false);
  term.input("k");
  expect(sent).toEqual(["k"]);
});

test("keys and mouse reports are no answers", async () => {
  const { term, sent, write } = terminal("me", true);
  await write("\x1b[?1004h\x1b[?2004h\x1b[6n", false);
  term.input("\x1b[I");
  expect(sent).toEqual(["\x1b[I"]);
});

test("the answers that are watched for are all that xterm.js has", () => {
  // A new version may answer more: this list has to be looked at again then.
  const file = new URL("../../../node_modules/@xterm/xterm/package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  expect(version).toBe("6.0.0");
});

test("where a replay ends is exact", async () => {
  const { sent, screen, write } = terminal("me");
  screen.write(bytes("\x1b[5n"), true, () => {});
  await write("\x1b[6n", false);
  expect(sent).toEqual(["\x1b[1;1R"]);
});

test("keys typed while a replay is being drawn go to the shell", async () => {
  const { term, sent, screen, write } = terminal("me");
  // More than a terminal parses in one go, so that keys fall between its pieces.
  for (let at = 0; at < 200; at += 1) screen.write(bytes("\x1b[c".repeat(2_000)), true, () => {});
  const drawn = write("end", true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  term.input("k");
  await drawn;
  expect(sent).toEqual(["k"]);
});

test("titles are kept and restored in a replay as well", async () => {
  const { term, write } = terminal("me");
  term.options.windowOptions = { pushTitle: true, popTitle: true };
  const titles: string[] = [];
  term.onTitleChange((title) => titles.push(title));
  await write("\x1b]0;first\x07\x1b[22;0t\x1b]0;second\x07\x1b[23;0t", true);
  expect(titles).toEqual(["first", "second", "first"]);
});

test("a snapshot clears the screen and takes its size in its turn", async () => {
  const { term, screen, write } = terminal("me");
  screen.write(bytes("old\x1b]0;never ended"), false, () => {});
  screen.reset(40, 10);
  await write("new", true);
  expect([term.cols, term.rows]).toEqual([40, 10]);
  expect(term.buffer.active.getLine(0)?.translateToString(true)).toBe("new");
});

test("a screen drawn anew keeps what has scrolled away, and the modes that hold", async () => {
  const { term, screen, write } = terminal("me");
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, at) => `line ${from + at}`);
  await write(`${lines(1, 100).join("\r\n")}\x1b[2;24r\x1b[?6h\x1b[23;1H\x1b[4h\x1b[?2004h\x1b(0\x1b[1;3`, false);
  screen.redraw(60, 20);
  await write(`${lines(81, 100).join("\r\n")}\x1b[5;7H`, true);
  const { active } = term.buffer;
  const shown = Array.from({ length: active.length }, (_, row) =>
    active.getLine(row)?.translateToString(true),
  );
  expect(shown).toEqual(lines(1, 100));
  expect([term.cols, term.rows, active.cursorY, active.cursorX]).toEqual([60, 20, 4, 6]);
  const { insertMode, originMode, bracketedPasteMode } = term.modes;
  expect([insertMode, originMode, bracketedPasteMode]).toEqual([false, false, true]);
});

test("the main screen's scrollback outlasts a full-screen program that is drawn anew", async () => {
  const { term, screen, write } = terminal("me");
  await write(`${"above\r\n".repeat(50)}$ vi\x1b[?1049h\x1b[HTEXT`, false);
  screen.redraw(80, 10);
  await write("above\r\n$ vi\x1b[?1049h\x1b[2J\x1b[Htext", true);
  expect(term.buffer.active.getLine(0)?.translateToString(true)).toBe("text");
  await write("\x1b[?1049l", true);
  const { normal } = term.buffer;
  const above = Array.from({ length: normal.baseY }, (_, row) =>
    normal.getLine(row)?.translateToString(true),
  );
  expect(above.filter((line) => line === "above").length).toBeGreaterThan(35);
});

test("what a program left open is not in what is drawn anew", async () => {
  const { term, screen, write } = terminal("me");
  await write("\x1b[5;9H\x1b7\x1b]8;;https://a.example\x1b\\\x1b[31;44mlink", false);
  screen.redraw(80, 24);
  await write("plain", true);
  const cell = term.buffer.active.getLine(0)?.getCell(0);
  expect(cell?.getChars()).toBe("p");
  expect([cell?.isFgDefault(), cell?.isBgDefault(), cell?.isUnderline()]).toEqual([true, true, 0]);
  await write("\x1b8", true);
  expect([term.buffer.active.cursorX, term.buffer.active.cursorY]).toEqual([0, 0]);
});

test("a line that goes on from above the screen goes on in one that is drawn anew", async () => {
  const { term, screen, write } = terminal("me");
  await write(`${"above ".repeat(20)}\r\n${"x\r\n".repeat(22)}`, false);
  const { active } = term.buffer;
  expect([active.baseY, active.getLine(1)?.isWrapped]).toEqual([1, true]);
  screen.redraw(80, 24);
  await write(`${"above ".repeat(20).slice(80)}\r\n${"x\r\n".repeat(22)}`, true);
  expect(active.getLine(1)?.isWrapped).toBe(true);
  expect(screen.above()).toBe(`${"above".repeat(13)}ab`);
});

test("the text above the screen is the main screen's, and no more than is compared", async () => {
  const { screen, write } = terminal("me");
  expect(screen.above()).toBe("");
  await write(`${"0123456789 ".repeat(200)}\r\n\r\n\r\n`, false);
  expect(screen.above()).toHaveLength(200);
  const { length } = screen.above();
  await write("\x1b[?1049h\x1b[2Jtext", false);
  expect(screen.above()).toHaveLength(length);
});
