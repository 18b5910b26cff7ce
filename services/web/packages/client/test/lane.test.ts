import { describe, expect, test } from "vitest";
import { INPUT_WINDOW_BYTES, InputLane, MAX_PENDING_BYTES } from "../src/lane.ts";
import { bytes } from "./fake.ts";

function text(data: Uint8Array | undefined): string | undefined {
  return data && new TextDecoder().decode(data);
}

/** A lane attached at an offset, with something typed. */
function lane(next: number, typed: string): InputLane {
  const lane = new InputLane();
  lane.attached(1, next);
  lane.push(bytes(typed));
  return lane;
}

describe("an input lane", () => {
  test("keeps what is typed before the first answer for where the lane goes on", () => {
    const early = new InputLane();
    early.push(bytes("ls\r"));
    expect(early.attached(1, 40)).toBeUndefined();
    const piece = early.take(100);
    expect([piece?.offset, text(piece?.data)]).toEqual([40, "ls\r"]);
  });

  test("sends in pieces of the allowed length, each byte once", () => {
    const it = lane(0, "abcdefg");
    expect([it.take(3), it.take(3), it.take(3), it.take(3)].map((p) => text(p?.data))).toEqual([
      "abc",
      "def",
      "g",
      undefined,
    ]);
  });

  test("stops at the window and goes on when the acknowledgement moves", () => {
    const it = lane(0, "x".repeat(INPUT_WINDOW_BYTES + 10));
    expect(it.take(1e6)?.data.length).toBe(INPUT_WINDOW_BYTES);
    expect(it.take(1e6)).toBeUndefined();
    it.acked(4);
    expect(it.take(1e6)?.data.length).toBe(4);
  });

  test("sends again, after a resume, exactly what was not accepted", () => {
    const it = lane(0, "abcdef");
    it.take(6);
    it.acked(2);
    expect(it.attached(1, 4)).toBeUndefined();
    const piece = it.take(100);
    expect([piece?.offset, text(piece?.data)]).toEqual([4, "ef"]);
  });

  test("counts the window from what is written, not from what is accepted", () => {
    const it = lane(0, "x".repeat(2 * INPUT_WINDOW_BYTES));
    it.take(1e6);
    it.attached(1, 1000);
    expect(it.take(1e6)?.data.length).toBe(INPUT_WINDOW_BYTES - 1000);
  });

  test("never sends to another shell what was typed for the one before", () => {
    const it = lane(0, "rm -r build\r");
    it.take(3);
    expect(text(it.attached(2, 0))).toBe("rm -r build\r");
    expect(it.take(100)).toBeUndefined();
    it.push(bytes("ok"));
    expect(it.take(100)?.offset).toBe(0);
  });

  test("treats a lane that went back behind the acknowledgement as another one", () => {
    const it = lane(0, "abcdef");
    it.take(4);
    it.acked(4);
    expect(text(it.attached(1, 0))).toBe("ef");
  });

  test("forgets refused input", () => {
    const it = lane(0, "abcdef");
    it.take(4);
    it.acked(1);
    expect(it.truncate(3)).toBe(3);
    it.push(bytes("Z"));
    const piece = it.take(100);
    expect([piece?.offset, text(piece?.data)]).toEqual([3, "Z"]);
  });

  test("goes back to where the server misses something, or says that it cannot", () => {
    const it = lane(0, "abcdef");
    it.take(6);
    it.acked(2);
    expect(it.rewind(3)).toBe(true);
    expect(text(it.take(100)?.data)).toBe("def");
    expect(it.rewind(1)).toBe(false);
    expect(it.rewind(7)).toBe(false);
  });

  test("keeps a bounded amount", () => {
    const it = lane(0, "");
    expect(it.push(new Uint8Array(MAX_PENDING_BYTES))).toBe(true);
    expect(it.push(bytes("x"))).toBe(false);
    expect(it.pending).toBe(MAX_PENDING_BYTES);
  });
});
