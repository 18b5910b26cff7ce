/** What has scrolled away must go on in a screen that was drawn anew, or all is drawn anew. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeConnection, FakeScreen, SESSION } from "./fake.ts";
import { SEAM_AGAIN_MS } from "../src/seam.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class KeepingScreen extends FakeScreen {
  text = "";

  redraw(): void {
    this.shown = "";
  }

  above(): string {
    return this.text;
  }
}

/** A screen with that text above it has been drawn anew; what the client asked for since. */
function redrawn(text: string) {
  const screen = new KeepingScreen();
  screen.text = text;
  const { connection, socket } = fakeConnection();
  connection.attach(SESSION, { screen, cols: 80, rows: 24 });
  connection.connect();
  socket().welcome();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "abcd");
  socket().picture(1, 4, { reason: "resized", text: "ABCD" });
  screen.parse();
  const answer = (lines: string[]) => {
    const { id } = socket().last("history");
    socket().say({ type: "history", id, lines });
  };
  const syncs = () => socket().count("sync");
  return { screen, socket, answer, syncs };
}

const LONG = "0123456789".repeat(20);

test.each([
  ["the same rows", "oneTWOthree", ["one", "\x1b[1;31mTWO\x1b[m ", " three"]],
  ["wrapped in another way", "onetwothree", ["onet", "wot", "hree"]],
  ["a link", "onehere", ["one", "\x1b]8;id=1;https://a.example\x1b\\here\x1b]8;;\x1b\\"]],
  ["fewer rows here", "three", ["one", "two", "three"]],
  ["more than is compared", LONG, [`what is far above ${LONG}`]],
  ["nothing on either side", "", []],
])("%s: it goes on", (_name, text, lines) => {
  const { answer, syncs } = redrawn(text);
  answer(lines);
  vi.advanceTimersByTime(10_000);
  expect(syncs()).toBe(0);
});

test.each([
  ["a row is missing", "onetwo", ["one", "two", "three"]],
  ["a row stands twice", "onetwothree", ["one", "two"]],
  ["nothing is here", "", ["one"]],
  ["nothing is there", "one", []],
])("%s: all is drawn anew", (_name, text, lines) => {
  const { socket, answer, syncs } = redrawn(text);
  answer(lines);
  expect(syncs()).toBe(1);
  expect(socket().last("sync")).not.toHaveProperty("offset");
});

test("a server that does not say is not trusted", () => {
  const { socket, syncs } = redrawn("one");
  const { id } = socket().last("history");
  socket().say({ type: "error", id, code: 2004, message: "what is that?" });
  expect(syncs()).toBe(1);
});

test("output meanwhile means to ask again, so often and no more", () => {
  const { screen, socket, answer, syncs } = redrawn("one");
  for (const at of [0, 1, 2, 3]) {
    expect(socket().count("history")).toBe(1 + at);
    socket().output(1, 4 + at, "x");
    screen.parse();
    answer(["two"]);
    vi.advanceTimersByTime(SEAM_AGAIN_MS);
  }
  vi.advanceTimersByTime(5_000);
  expect([socket().count("history"), syncs()]).toEqual([4, 0]);
});

test("once output rests the answer counts", () => {
  const { screen, socket, answer, syncs } = redrawn("one");
  socket().output(1, 4, "x");
  screen.parse();
  answer(["two"]);
  vi.advanceTimersByTime(SEAM_AGAIN_MS);
  answer(["two"]);
  expect(syncs()).toBe(1);
});

test("an answer about an earlier screen counts for nothing", () => {
  const { screen, socket, syncs } = redrawn("one");
  const first = socket().last("history");
  socket().picture(1, 4, { reason: "lagging" });
  screen.parse();
  socket().say({ type: "history", id: first["id"], lines: ["two"] });
  expect(syncs()).toBe(0);
});
