/** Every code point has the cells that the server's table gives it, in the real terminal too. */
import xterm from "@xterm/headless";
import { expect, test } from "vitest";
import { WIDE, ZERO } from "../src/width-table.ts";
import { registerUnicode, widthOf } from "../src/widths.ts";

/** The table, read in the plainest way. */
function expected(): Uint8Array {
  const widths = new Uint8Array(0x11_0000).fill(1);
  for (const [text, width] of [[ZERO, 0], [WIDE, 2]] as const) {
    let at = 0;
    for (const pair of text.split(",").slice(0, -1)) {
      const [gap = "", length = ""] = pair.split(" ");
      const start = at + Number.parseInt(gap, 36);
      at = start + Number.parseInt(length, 36);
      widths.fill(width, start, at);
    }
  }
  return widths;
}

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

test("every code point has the width of the table", () => {
  const widths = expected();
  const wrong = [...widths.keys()].filter((code) => !isSurrogate(code) && widthOf(code) !== widths[code]);
  expect(wrong).toEqual([]);
});

async function drawn(text: string, cols = 80) {
  const terminal = new xterm.Terminal({ cols, rows: 4, allowProposedApi: true });
  registerUnicode(terminal);
  await new Promise<void>((parsed) => terminal.write(text, parsed));
  const buffer = terminal.buffer.active;
  return { text: buffer.getLine(0)?.translateToString(true), cursor: buffer.cursorX };
}

test.each([
  ["a check mark", "✅", 2],
  ["a han character", "漢", 2],
  ["a plain letter", "ä", 1],
  ["a mark that joins", "e\u0301", 1],
  ["a mark on a wide character", "漢\u0301", 2],
  ["two marks", "e\u0301\u0323", 1],
  ["an emoji with a skin", "👍🏽", 4],
  ["joined emoji, each as wide as it is alone", "👩\u200d💻", 4],
  ["a heart that wants a picture", "❤\ufe0f", 1],
  ["a sign as wide as three letters", "\u17d8", 2],
  ["a soft hyphen", "a\u00adb", 2],
  ["something of a high plane", "𝒳𠀀", 3],
])("%s", async (_name, text, cells) => {
  const screen = await drawn(`${text}\x1b[K`);
  expect([screen.text, screen.cursor]).toEqual([text, cells]);
});

test("a mark joins the cell before the cursor, also after the cursor has moved", async () => {
  const { text, cursor } = await drawn("ab\x1b[1;2H\u0301");
  expect([text, cursor]).toEqual(["a\u0301b", 1]);
});

test("a wide character that has no room left goes to the next line", async () => {
  const { text, cursor } = await drawn("abc✅", 4);
  expect([text, cursor]).toEqual(["abc", 2]);
});

test("a repeated character is as wide as it was", async () => {
  const { text, cursor } = await drawn("✅\x1b[2b");
  expect([text, cursor]).toEqual(["✅✅✅", 6]);
});
