/** The screen here is compared with the server's, and drawn anew if it is another. */
import { createHash } from "node:crypto";
import xterm from "@xterm/headless";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CHECK_AGAIN_MS, CHECK_INTERVAL_MS } from "../src/check.ts";
import { fingerprint, fnv1a } from "../src/fingerprint.ts";
import { bytes, fakeConnection, FakeScreen, SESSION } from "./fake.ts";

describe("the fingerprint", () => {
  test.each([
    ["", "811c9dc5"],
    ["a", "e40c292c"],
    ["foobar", "bf9cf968"],
  ])("is FNV-1a: %j", (text, hash) => expect(fnv1a(bytes(text))).toBe(hash));

  test.each([
    ["text and cursor", "ab  \r\nc", "ab\nc\n\n1,1"],
    ["spaces in front and between stay", "  a  b\x1b[K", "  a  b\n\n\n0,6"],
    ["wide characters count once", "漢x", "漢x\n\n\n0,3"],
    ["a cell that was never written is a space", "\x1b[2;3Hx", "\n  x\n\n1,3"],
    ["a cursor that waits to wrap is on the last column", "1234567890", "1234567890\n\n\n0,9"],
    ["the alternate screen", "main\x1b[?1049h\x1b[Halt", "alt\n\n\n0,3,alt"],
    ["what has scrolled off does not count", "a\r\nb\r\nc\r\nd", "b\nc\nd\n2,1"],
    ["marks belong to their cells", "e\u0301", "e\u0301\n\n\n0,1"],
  ])("%s", async (_name, text, content) => {
    const terminal = new xterm.Terminal({ cols: 10, rows: 3, allowProposedApi: true });
    await new Promise<void>((parsed) => terminal.write(text, parsed));
    expect(fingerprint(terminal)).toBe(fnv1a(bytes(content)));
  });
});

/** A screen whose fingerprint is that of the text on it, once all of it is parsed. */
class DigestScreen extends FakeScreen {
  digest(): string {
    return createHash("sha1").update(this.shown).digest("hex").slice(0, 8);
  }
}

function checkedSession() {
  const fake = fakeConnection();
  const screen = new DigestScreen();
  fake.connection.connect();
  fake.socket().welcome();
  const attachment = fake.connection.attach(SESSION, { screen, cols: 80, rows: 24 });
  fake.socket().attached();
  fake.socket().snapshot(1, 0);
  fake.socket().output(1, 0, "hello");
  screen.parse();
  const beat = (): void => fake.socket().say({ type: "heartbeat", timestamp: 0, serverTime: 1 });
  /** Time goes by on a connection that is alive. */
  const wait = (ms: number): void => {
    for (let left = ms; left > 0; left -= 3_000) {
      vi.advanceTimersByTime(Math.min(left, 3_000));
      beat();
    }
  };
  const asked = (): number => fake.socket().count("check");
  const answer = (offset: number, hash: string): void => {
    const { id, channel } = fake.socket().last("check");
    fake.socket().say({ type: "checked", id, channel, offset, hash });
  };
  return { ...fake, screen, attachment, wait, asked, answer, stats: () => attachment.stats.get() };
}

describe("the comparison", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("is made every 40 s while somebody looks, and not while nobody does", () => {
    const { attachment, wait, asked, answer, screen, stats } = checkedSession();
    wait(CHECK_INTERVAL_MS - 1);
    expect(asked()).toBe(0);
    wait(1);
    expect(asked()).toBe(1);
    answer(5, screen.digest());
    wait(CHECK_INTERVAL_MS);
    expect([asked(), stats()]).toEqual([2, { same: 1, differs: 0, missed: 0 }]);
    answer(5, screen.digest());
    attachment.view(false);
    wait(3 * CHECK_INTERVAL_MS);
    expect(asked()).toBe(2);
    attachment.view(true);
    wait(CHECK_INTERVAL_MS);
    expect(asked()).toBe(3);
  });

  test("ends with its connection, and begins again with the next", () => {
    const { connection, socket, wait, asked } = checkedSession();
    connection.close();
    expect(vi.getTimerCount()).toBe(0);
    connection.connect();
    socket().welcome();
    socket().attached({ channel: 2, offset: 5 });
    wait(CHECK_INTERVAL_MS);
    expect(asked()).toBe(1);
  });

  test("of two that differ leads to a snapshot", () => {
    const { socket, attachment, wait, answer, stats } = checkedSession();
    const repairs: number[] = [];
    attachment.events.on("repaired", (count) => repairs.push(count));
    wait(CHECK_INTERVAL_MS);
    answer(5, "00000000");
    expect([repairs, stats().differs, socket().last("sync")["offset"]]).toEqual([[1], 1, undefined]);
  });

  test("waits until everything before its offset is drawn", () => {
    const { socket, screen, wait, answer, stats } = checkedSession();
    wait(CHECK_INTERVAL_MS);
    socket().output(1, 5, " you");
    socket().output(1, 9, " all");
    const then = createHash("sha1").update("hello you all").digest("hex").slice(0, 8);
    answer(13, then);
    expect(stats().same).toBe(0);
    screen.parse();
    expect(stats()).toEqual({ same: 1, differs: 0, missed: 0 });
  });

  test("is missed where output went on meanwhile, and made again soon, a few times", () => {
    const { wait, asked, answer, stats } = checkedSession();
    wait(CHECK_INTERVAL_MS);
    for (let tries = 1; tries <= 4; tries += 1) {
      expect(asked()).toBe(tries);
      answer(3, "00000000");
      if (tries < 4) wait(CHECK_AGAIN_MS);
    }
    wait(CHECK_AGAIN_MS);
    expect([asked(), stats()]).toEqual([4, { same: 0, differs: 0, missed: 4 }]);
    wait(CHECK_INTERVAL_MS);
    expect(asked()).toBe(5);
  });

  test("is missed while something is being drawn that goes beyond it", () => {
    const { socket, screen, wait, answer, stats } = checkedSession();
    wait(CHECK_INTERVAL_MS);
    socket().output(1, 5, "more");
    answer(5, "00000000");
    screen.parse();
    expect(stats()).toEqual({ same: 0, differs: 0, missed: 1 });
  });

  test("is missed if the size has changed since it was asked for", () => {
    const { socket, attachment, wait, answer, stats } = checkedSession();
    wait(CHECK_INTERVAL_MS);
    attachment.resize(100, 30);
    wait(50);
    expect(socket().count("resize")).toBe(1);
    answer(5, "00000000");
    expect(stats()).toEqual({ same: 0, differs: 0, missed: 1 });
  });

  test("that differs again and again is made ever less often", () => {
    const { socket, screen, wait, asked, answer } = checkedSession();
    const gaps: number[] = [];
    for (let time = 0; time < 7; time += 1) {
      const before = asked();
      let waited = 0;
      for (; asked() === before && waited < 1e6; waited += 1_000) wait(1_000);
      gaps.push(waited / CHECK_INTERVAL_MS);
      answer(5, "00000000");
      const { id } = socket().last("sync");
      socket().say({ ...SYNCED, id });
      socket().snapshot(1, 5);
      screen.parse();
    }
    expect(gaps).toEqual([1, 1, 2, 4, 8, 16, 16]);
  });

  test("is not asked for again where the server knows none, whatever the session", () => {
    const { connection, socket, wait, asked, screen } = checkedSession();
    const other = SESSION.replace("aaaa", "cccc");
    connection.attach(other, { screen, cols: 80, rows: 24 });
    socket().attached({ channel: 2 });
    wait(CHECK_INTERVAL_MS);
    expect(asked()).toBe(1);
    const { id } = socket().last("check");
    socket().say({ type: "error", id, code: 2004, message: "unknown type" });
    wait(3 * CHECK_INTERVAL_MS);
    expect(asked()).toBe(1);
  });

  test("ends with the attachment", () => {
    const { attachment, wait, asked } = checkedSession();
    attachment.detach();
    wait(CHECK_INTERVAL_MS);
    expect(asked()).toBe(0);
  });
});

const SYNCED = {
  type: "synced",
  channel: 1,
  sessionId: SESSION,
  epoch: 1,
  offset: 5,
  head: 5,
  recovered: false,
  reason: "asked",
  driver: true,
  nextInputOffset: 0,
  cols: 80,
  rows: 24,
  status: "active",
};
