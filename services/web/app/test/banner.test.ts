/** What a tab says, and what Enter does, in each situation that it can be in. */
import { type AttachmentState, CODES, TermfleetError } from "@termfleet/client";
import { expect, test } from "vitest";
import { bannerOf } from "../src/model/banner.ts";

const LIVE: AttachmentState = {
  phase: "live",
  driver: "me",
  cols: 80,
  rows: 24,
  status: "active",
  tier: "live",
  answersQueries: false,
  exit: undefined,
  error: undefined,
  doubt: undefined,
};

function banner(change: Partial<AttachmentState>, mode = "normal", role = "user") {
  return bannerOf({ failure: undefined, attachment: { ...LIVE, ...change }, mode, role });
}

test("a terminal that works says nothing", () => {
  expect(banner({})).toBeUndefined();
  expect(banner({ phase: "waiting" })).toBeUndefined();
  expect(banner({ driver: "nobody" })).toBeUndefined();
});

test.each([
  [{ exitCode: 0 }, "exit code 0"],
  [{ exitCode: 127 }, "exit code 127"],
  [{ signal: 9 }, "SIGKILL"],
  [{ signal: 64 }, "signal 64"],
  [{}, "has ended"],
])("an exit %j is told and offers a new shell", (exit, words) => {
  const it = banner({ exit });
  expect(it?.text).toContain(words);
  expect([it?.remedies[0]?.remedy, it?.keys]).toEqual(["restart", true]);
});

test("who watches takes over with one key", () => {
  const it = banner({ driver: "other" });
  expect([it?.kind, it?.remedies[0]?.remedy, it?.keys]).toEqual(["watching", "take", true]);
});

test("who may not type is not offered to", () => {
  expect(banner({ driver: "other" }, "readonly")?.remedies).toEqual([]);
  expect(banner({ driver: "other" }, "normal", "viewer")?.remedies).toEqual([]);
});

test("input in doubt is shown without its control characters, and never on Enter", () => {
  const it = banner({ doubt: new TextEncoder().encode("\x1b[31mrm -r x\r") });
  expect(it?.text).toContain("“[31mrm -r x”");
  expect(it?.keys).toBe(false);
  expect(it?.remedies.map((each) => each.remedy)).toEqual(["forget", "sendAgain"]);
});

test.each([...CODES.keys()])("code %i that ends a terminal is told, with something to do", (code) => {
  const it = banner({ phase: "ended", error: new TermfleetError(code) });
  expect(it?.text).toMatch(/^[A-Z].{20,}\.$/);
  expect(it?.keys).toBe(true);
});

test.each([...CODES.keys()])("code %i that forbids a new shell is told and can be tried again", (code) => {
  const failure = new TermfleetError(code);
  const it = bannerOf({ failure, attachment: undefined, mode: "normal", role: "user" });
  expect(it?.text).toContain("No shell could be started.");
  expect(it?.remedies[0]?.remedy).toBe("retry");
});
