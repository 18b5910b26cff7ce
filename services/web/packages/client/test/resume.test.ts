/** Output over lost sockets: nothing missing, nothing twice, nothing answered twice. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bytes, fakeConnection, FakeScreen, liveSession, SESSION } from "./fake.ts";

class KeepingScreen extends FakeScreen {
  redraws = 0;

  redraw(cols: number, rows: number): void {
    this.shown = "";
    this.redraws += 1;
    this.resize(cols, rows);
  }

  above(): string {
    return this.shown;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a new client gets a snapshot and then bytes", () => {
  const { socket, screen, state } = liveSession();
  expect(socket().last("attach")).not.toHaveProperty("epoch");
  socket().attached({ offset: 10, head: 10 });
  socket().snapshot(1, 10);
  socket().output(1, 10, "$ ");
  expect([screen.resets, screen.shown, state().phase]).toEqual([1, "$ ", "live"]);
});

test("after a loss it asks for what is missing and goes on without a reset", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "one ");
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  expect(socket().last("attach")).toMatchObject({ epoch: 1, offset: 4 });
  socket().attached({ channel: 9, offset: 4, head: 8, recovered: true });
  socket().output(9, 4, "two ");
  expect([screen.shown, screen.resets]).toEqual(["one two ", 1]);
});

test("who answers queries is what the server of the present link says", () => {
  const { connection, socket } = fakeConnection();
  const attachment = connection.attach(SESSION, { screen: new FakeScreen(), cols: 80, rows: 24 });
  connection.connect();
  const said = [true, undefined].map((answersQueries) => {
    socket().welcome({ answersQueries });
    socket().attached();
    const { answersQueries: kept } = attachment.state.get();
    socket().drop();
    vi.advanceTimersByTime(100);
    return kept;
  });
  expect(said).toEqual([true, false]);
});

test("every attempt is above the one before", () => {
  const { socket } = liveSession();
  const first = socket().last("attach");
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  const second = socket().last("attach");
  expect(second["clientId"]).toBe(first["clientId"]);
  expect(Number(second["attempt"])).toBeGreaterThan(Number(first["attempt"]));
});

test("a hole is asked for, and what comes before the answer is not shown", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "ab");
  socket().output(1, 5, "fg");
  socket().output(1, 7, "hi");
  const sync = socket().last("sync");
  expect(sync).toMatchObject({ channel: 1, offset: 2 });
  expect(socket().count("sync")).toBe(1);
  socket().attached({ type: "synced", id: sync["id"], offset: 2, recovered: true } as never);
  socket().output(1, 2, "cdefghi");
  expect(screen.shown).toBe("abcdefghi");
});

test("repeated bytes are shown once, overlapping ones from where they are new", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "abc");
  socket().output(1, 0, "ab");
  socket().output(1, 1, "bcd");
  expect(screen.shown).toBe("abcd");
});

test("frames of an ended channel, or of none, are ignored", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().attached({ channel: 2, replaces: 1, offset: 0, recovered: true });
  socket().output(1, 0, "late");
  socket().output(77, 0, "stray");
  socket().output(2, 0, "right");
  expect(screen.shown).toBe("right");
});

test("what was printed before a new client came is a replay, what comes after is not", () => {
  const { socket, screen } = liveSession();
  socket().attached({ offset: 100, head: 104 });
  socket().snapshot(1, 100);
  socket().output(1, 100, "old+new");
  expect(screen.replayed).toBe("\x1bcold+");
  expect(screen.shown).toBe("old+new");
});

test("the client that made a session gets it from its first byte, live", () => {
  const { socket, screen } = liveSession(7);
  expect(socket().last("attach")).toMatchObject({ epoch: 7, offset: 0 });
  socket().attached({ epoch: 7, head: 9, recovered: true });
  socket().output(1, 0, "\x1b[c prompt");
  expect([screen.replayed, screen.shown, screen.resets]).toEqual(["", "\x1b[c prompt", 0]);
});

test("an unasked snapshot replaces the screen; bytes seen before are a replay", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "abcdef");
  socket().snapshot(1, 3);
  screen.replayed = "";
  socket().output(1, 3, "defgh");
  expect([screen.shown, screen.replayed, screen.resets]).toEqual(["defgh", "def", 2]);
});

test("a new size redraws the screen that is here, and only that", () => {
  const screen = new KeepingScreen();
  const { connection, socket } = fakeConnection();
  connection.attach(SESSION, { screen, cols: 80, rows: 24 });
  connection.connect();
  socket().welcome();
  expect(socket().last("attach")).toMatchObject({ redrawRows: 0 });
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "abcdef");
  socket().picture(1, 4, { reason: "resized", text: "ABCD", more: true });
  socket().picture(1, 4, { reason: "resized", text: "EF" });
  expect([screen.resets, screen.redraws, screen.shown]).toEqual([1, 1, "ABCD\x1bcEF"]);
  screen.replayed = "";
  socket().output(1, 4, "efgh");
  expect([screen.shown, screen.replayed]).toEqual(["ABCD\x1bcEFefgh", "ef"]);
  // What it lacks, or another shell's, is not here.
  socket().picture(1, 9, { reason: "resized" });
  socket().picture(1, 9, { reason: "resized", epoch: 2 });
  socket().picture(1, 9, { reason: "lagging", epoch: 2 });
  expect([screen.resets, screen.redraws]).toEqual([4, 1]);
});

test("a screen that cannot keep its scrollback gets it with every snapshot", () => {
  const { socket, screen } = liveSession();
  expect(socket().last("attach")).not.toHaveProperty("redrawRows");
  socket().attached();
  socket().snapshot(1, 0);
  socket().picture(1, 0, { reason: "resized", text: "ABCD" });
  expect([screen.resets, screen.shown]).toEqual([2, "\x1bcABCD"]);
});

test("a snapshot in pieces clears the screen once", () => {
  const { socket, screen } = liveSession();
  socket().attached({ offset: 5, head: 5 });
  socket().snapshot(1, 5, 1, true);
  socket().snapshot(1, 5);
  socket().output(1, 5, "x");
  expect([screen.resets, screen.shown]).toEqual([1, "x"]);
});

test("an offset that the server does not have leads to a new start, not to a loop", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "abc");
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  const { id } = socket().last("attach");
  socket().say({ type: "error", id, code: 2007, name: "BAD_OFFSET", message: "no", offset: 1 });
  socket().attached({ channel: 4, offset: 1, head: 1, reason: "bad_offset" });
  socket().snapshot(4, 1);
  socket().output(4, 1, "new");
  vi.advanceTimersByTime(10_000);
  expect(screen.shown).toBe("new");
  expect(socket().count("attach")).toBe(1);
});

test("acks follow the terminal: after 20 ms, at once at 64 KiB, never beyond the channel", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "x".repeat(4096));
  vi.advanceTimersByTime(1_000);
  expect(socket().acks).toEqual([]);
  screen.parse();
  vi.advanceTimersByTime(20);
  expect(socket().acks).toEqual([4096]);
  socket().output(1, 4096, "x".repeat(64 * 1024));
  screen.parse();
  expect(socket().acks).toEqual([4096, 4096 + 64 * 1024]);
});

test("an ack below 4 KiB waits for input or 250 ms, and no longer once it is more", () => {
  const { socket, screen, attachment } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "x".repeat(4095));
  screen.parse();
  vi.advanceTimersByTime(249);
  expect(socket().acks).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(socket().acks).toEqual([4095]);
  socket().output(1, 4095, "a");
  screen.parse();
  attachment.send(bytes("b"));
  expect(socket().acks).toEqual([4095, 4096]);
  socket().output(1, 4096, "c");
  screen.parse();
  vi.advanceTimersByTime(10);
  socket().output(1, 4097, "d".repeat(4095));
  screen.parse();
  vi.advanceTimersByTime(20);
  expect(socket().acks).toEqual([4095, 4096, 4096 + 4096]);
});

test("on a new channel nothing is acked that this channel did not bring", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "abcdef");
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  // Asked from 6, but the answer repeats from 2: acks may only count what came here.
  socket().attached({ channel: 2, offset: 2, head: 6, recovered: true });
  screen.parse();
  vi.advanceTimersByTime(100);
  expect(socket().acks).toEqual([]);
  socket().output(2, 2, "cd");
  vi.advanceTimersByTime(250);
  expect(socket().acks).toEqual([4]);
});

test("what a terminal parses of an old screen counts for nothing after a snapshot", () => {
  const { socket, screen } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  screen.parse();
  socket().output(1, 0, "x".repeat(100));
  socket().snapshot(1, 40);
  socket().output(1, 40, "y".repeat(60));
  // The old 100 bytes and the snapshot are parsed, the new 60 are not.
  screen.parse(2);
  vi.advanceTimersByTime(1_000);
  expect(socket().acks).toEqual([40]);
});

test("while a server drains the next socket stands first, and no byte is lost or doubled", () => {
  const { sockets, socket, screen, attachment } = liveSession();
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "ab");
  const old = socket();
  old.say({ type: "draining", retryAfterMs: 100 });
  vi.advanceTimersByTime(100);
  expect(sockets).toHaveLength(2);
  expect(old.closedWith).toBeUndefined();
  const next = socket();
  next.welcome();
  old.output(1, 2, "cd");
  old.say({ type: "detached", channel: 1, sessionId: SESSION, code: 4006, reason: "newer" });
  attachment.send(new TextEncoder().encode("k"));
  next.attached({ channel: 1, offset: 2, head: 4, recovered: true });
  next.output(1, 2, "cdef");
  expect(screen.shown).toBe("abcdef");
  expect(next.typed).toBe("k");
  expect(old.closedWith).toBe(1000);
});

test("two sessions on one socket do not see each other's bytes", () => {
  const { connection, socket } = fakeConnection();
  connection.connect();
  socket().welcome();
  const screens = [new FakeScreen(), new FakeScreen()];
  for (const [at, screen] of screens.entries()) {
    connection.attach(`s${at}`, { screen, cols: 80, rows: 24 });
    socket().attached({ channel: at + 1 });
    socket().snapshot(at + 1, 0);
  }
  socket().output(2, 0, "second");
  socket().output(1, 0, "first");
  expect(screens.map((screen) => screen.shown)).toEqual(["first", "second"]);
});
