/** The parts of a prediction at their limits: keys, delays, and what moves along on a line. */
import { describe, expect, test } from "vitest";
import { Delay, FAST_MS, SLOW_MS } from "../../src/prediction/delay.ts";
import { keysOf } from "../../src/prediction/keys.ts";
import { Stage } from "./stage.ts";

describe("keys", () => {
  test.each([
    ["a", ["text"]],
    [" ~", ["text", "text"]],
    ["\x7f\b", ["backspace", "backspace"]],
    ["\r\n", ["enter", "enter"]],
    ["\x1b[D\x1bOC", ["left", "right"]],
    ["\x1b[A", ["other"]],
    ["\x1b[1;5C", ["other"]],
    ["\t", ["other"]],
    ["\x1b", ["other"]],
    ["ab\x1bb", ["text", "text", "other"]],
    ["é", ["other"]],
    ["", []],
  ])("%j: %j", (text, kinds) => expect(keysOf(text).map(({ kind }) => kind)).toEqual(kinds));

  test.each([
    [31, "text", 31],
    [32, "text", 32],
    [33, "other", 1],
  ])("%i characters at once", (length, kind, count) => {
    const keys = keysOf("x".repeat(length));
    expect([keys[0]?.kind, keys.length]).toEqual([kind, count]);
  });

  test.each(["a", "\x1b[D", "a\x1b[Cb", "ab\x1bbé", "é漢", "x".repeat(40)])(
    "%j: every byte belongs to one key",
    (text) => {
      const bytes = keysOf(text).reduce((sum, key) => sum + key.bytes, 0);
      expect(bytes).toBe(new TextEncoder().encode(text).length);
    },
  );
});

describe("the delay", () => {
  function measured(...samples: number[]): Delay {
    const delay = new Delay();
    for (const ms of samples) delay.add(ms);
    return delay;
  }

  test("is unknown, and not slow, before the first echo", () => {
    expect([new Delay().ms, new Delay().isSlow]).toEqual([undefined, false]);
  });

  test.each([
    [SLOW_MS - 1, false],
    [SLOW_MS, false],
    [SLOW_MS + 1, true],
  ])("of %i ms is slow: %s", (ms, slow) => expect(measured(ms).isSlow).toBe(slow));

  test.each([
    [FAST_MS + 1, true],
    [FAST_MS, true],
    [FAST_MS - 1, false],
  ])("that was slow and is %i ms now is slow: %s", (ms, slow) => {
    expect(measured(SLOW_MS + 1, ...Array<number>(200).fill(ms)).isSlow).toBe(slow);
  });

  test("is smoothed: one late key makes no slow way", () => {
    expect(measured(10, 100).ms).toBeCloseTo(21.25);
  });
});

describe("what moves along", () => {
  test.each([
    // Up to three empty cells belong to the line; more of them take up what is inserted.
    [3, "$ abx_c   d"],
    [4, "$ abx_c   d"],
    [5, "$ abx_c    d"],
  ])("with %i empty cells in it", async (gap, expected) => {
    const stage = await Stage.start();
    await stage.typeAndEcho("ab");
    await stage.print(`c${" ".repeat(gap)}d\x1b[5G`);
    stage.type("x");
    expect(stage.seen).toBe(expected);
  });

  test("goes no further than the last column but one", async () => {
    const stage = await Stage.start();
    await stage.typeAndEcho("ab");
    await stage.print(`${"c".repeat(34)}\x1b[5G`);
    stage.type("x");
    expect(stage.seen).toBe(`$ abx_${"c".repeat(34)}`);
    await stage.print(`x${"c".repeat(34)}\x1b[6G`);
    stage.echoed();
    stage.type("y");
    expect(stage.isForeseen).toBe(false);
  });
});
