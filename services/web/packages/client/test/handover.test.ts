/** From a server that goes away to the next one: nothing missing, nothing twice, no pause. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Connection } from "../src/connection.ts";
import { bytes, fakeConnection, FakeScreen, FakeSocket, liveSession, SESSION } from "./fake.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Attached and told to leave; the next socket is open and not welcomed yet. */
function leaving() {
  const live = liveSession();
  const old = live.socket();
  old.attached();
  old.snapshot(1, 0);
  old.output(1, 0, "ab");
  drain(old);
  return { ...live, old, next: live.socket() };
}

function drain(socket: FakeSocket): void {
  socket.say({ type: "draining", retryAfterMs: 100 });
  vi.advanceTimersByTime(100);
}

const takenOver = (channel = 1) => ({
  type: "detached",
  channel,
  sessionId: SESSION,
  code: 4006,
  reason: "newer",
});

test("the old socket serves until the new one has everything", () => {
  const { old, next, screen, state } = leaving();
  next.welcome();
  expect(next.last("attach")).toMatchObject({ epoch: 1, offset: 2 });
  old.output(1, 2, "cd");
  expect([screen.shown, state().phase, old.closedWith]).toEqual(["abcd", "live", undefined]);
  next.attached({ channel: 7, offset: 2, head: 4, recovered: true });
  next.output(7, 2, "cdef");
  expect([screen.shown, screen.resets, old.closedWith]).toEqual(["abcdef", 1, 1000]);
});

test("the new attachment outranks the old one", () => {
  const { old, next } = leaving();
  next.welcome();
  const [before, after] = [old.last("attach"), next.last("attach")];
  expect(after["clientId"]).toBe(before["clientId"]);
  expect(Number(after["attempt"])).toBeGreaterThan(Number(before["attempt"]));
});

test("what is typed meanwhile is written once, whichever socket it reached", () => {
  const { old, next, attachment } = leaving();
  attachment.send(bytes("one "));
  next.welcome();
  attachment.send(bytes("two "));
  old.say(takenOver());
  // The server has let go of the old channel: what goes there now is ignored.
  attachment.send(bytes("three"));
  expect(old.typed).toBe("one two three");
  next.attached({ channel: 7, recovered: true, offset: 2, nextInputOffset: 8 });
  expect(next.typed).toBe("three");
  next.frame({ kind: "input_ack", channel: 7, offset: 13, echo: 0 });
  attachment.send(bytes("!"));
  expect(next.frames.at(-1)).toMatchObject({ kind: "input", channel: 7, offset: 13 });
});

test("on the socket that is left, being taken over is no refusal", () => {
  const { old, next, attachment, state } = leaving();
  const refused: unknown[] = [];
  attachment.events.on("refused", (error) => refused.push(error));
  next.welcome();
  attachment.send(bytes("abc"));
  old.say({ type: "error", channel: 1, code: 4006, message: "taken", nextInputOffset: 0 });
  old.say(takenOver());
  expect([refused, state().phase, state().driver]).toEqual([[], "live", "me"]);
  next.attached({ channel: 7, recovered: true, offset: 2 });
  expect(next.typed).toBe("abc");
});

test("what the old socket says once it is left changes nothing", () => {
  const { connection, old, next, state } = leaving();
  // An answer that is awaited on the old socket keeps it open.
  const done = connection.request({ type: "subscribe", projectId: "p" });
  next.welcome();
  next.attached({ channel: 7, recovered: true, offset: 2 });
  expect(old.closedWith).toBeUndefined();
  const event = { type: "event", sessionId: SESSION, channel: 1, kind: "driver" };
  old.say({ ...event, driver: false, taken: true });
  old.attached({ channel: 2, replaces: 1, id: undefined, epoch: 9 } as never);
  old.output(2, 2, "late");
  old.say(takenOver(2));
  expect([state().driver, state().phase]).toEqual(["me", "live"]);
  old.say({ type: "subscribed", id: old.last("subscribe")["id"], projectId: "p", sessions: [] });
  expect(old.closedWith).toBe(1000);
  return expect(done).resolves.toMatchObject({ type: "subscribed" });
});

test("a session that the old server loses meanwhile is waited for on the new one", () => {
  const { old, next, state } = leaving();
  next.welcome();
  old.say({ type: "detached", channel: 1, sessionId: SESSION, code: 5003, reason: "away" });
  vi.advanceTimersByTime(1_000);
  expect(old.count("attach")).toBe(1);
  next.attached({ channel: 7, recovered: true, offset: 2 });
  expect([state().phase, old.closedWith]).toEqual(["live", 1000]);
});

test("every session moves before the old socket is dropped", () => {
  const { connection, socket } = fakeConnection();
  connection.connect();
  socket().welcome();
  const old = socket();
  const screens = [new FakeScreen(), new FakeScreen()];
  for (const [at, screen] of screens.entries()) {
    connection.attach(`s${at}`, { screen, cols: 80, rows: 24 });
    old.attached({ channel: at + 1 });
    old.snapshot(at + 1, 0);
  }
  drain(old);
  const next = socket();
  next.welcome();
  const asked = next.messages.filter((message) => message["type"] === "attach");
  for (const [at, { id, sessionId }] of asked.entries()) {
    expect(old.closedWith).toBeUndefined();
    next.say({ ...attachedTo(at + 5), id, sessionId });
    next.output(at + 5, 0, `moved ${at}`);
  }
  expect(old.closedWith).toBe(1000);
  expect(screens.map((screen) => screen.shown)).toEqual(["moved 0", "moved 1"]);
});

function attachedTo(channel: number): object {
  const size = { cols: 80, rows: 24, status: "active", tier: "live" };
  const at = { epoch: 1, offset: 0, head: 0, recovered: true, driver: true, nextInputOffset: 0 };
  return { type: "attached", channel, ...at, ...size };
}

describe("where to", () => {
  const URLS = ["ws://a/terminal", "ws://b/terminal", "ws://c/terminal"];

  /** A connection to several servers, and which of them each socket went to. */
  function several(): { connection: Connection; sockets: FakeSocket[]; opened: string[] } {
    const sockets: FakeSocket[] = [];
    const opened: string[] = [];
    const open = (url: string): FakeSocket => {
      opened.push(url);
      sockets.push(new FakeSocket());
      return sockets.at(-1) as FakeSocket;
    };
    return { ...fakeConnection({ url: URLS, random: () => 0.5, open }), sockets, opened };
  }

  test("a lost server's neighbour is tried next, from a random one on", () => {
    const { connection, sockets, opened } = several();
    connection.connect();
    for (let at = 0; at < 3; at += 1) {
      sockets.at(-1)?.drop();
      vi.advanceTimersByTime(5_000);
    }
    expect(opened).toEqual([URLS[1], URLS[2], URLS[0], URLS[1]]);
  });

  test("a draining server is left for its neighbour", () => {
    const { connection, sockets, opened } = several();
    connection.connect();
    sockets[0]?.welcome();
    drain(sockets[0] as FakeSocket);
    sockets[1]?.welcome();
    expect([opened[1], sockets[0]?.closedWith]).toEqual([URLS[2], 1000]);
  });

  test("while the next server cannot be reached the old one serves, and it is tried again", () => {
    const { connection, sockets, opened } = several();
    connection.connect();
    sockets[0]?.welcome();
    drain(sockets[0] as FakeSocket);
    sockets[1]?.drop();
    expect(connection.state.get().phase).toBe("connected");
    vi.advanceTimersByTime(5_000);
    expect([opened.length, connection.state.get().phase]).toEqual([3, "connected"]);
    sockets[2]?.welcome();
    expect(sockets[0]?.closedWith).toBe(1000);
  });

  test("a connection without any URL is a mistake that is told at once", () => {
    expect(() => fakeConnection({ url: [] })).toThrow(/needs a URL/);
  });
});

test("a server that drains while it is moved to is left in its turn", () => {
  const { sockets, old, next, screen } = leaving();
  next.welcome();
  drain(next);
  expect(sockets).toHaveLength(2);
  next.attached({ channel: 1, recovered: true, offset: 2 });
  expect(old.closedWith).toBe(1000);
  vi.advanceTimersByTime(0);
  expect(sockets).toHaveLength(3);
  const third = sockets[2];
  third?.welcome();
  third?.attached({ channel: 1, recovered: true, offset: 2 });
  third?.output(1, 2, "cd");
  expect([next.closedWith, screen.shown]).toEqual([1000, "abcd"]);
});

test("a server that closes before the next one stands is a loss like any other", () => {
  const { connection, old, next, screen, attachment, state } = leaving();
  old.drop(1012);
  expect([connection.state.get().phase, state().phase]).toEqual(["connecting", "waiting"]);
  attachment.send(bytes("x"));
  next.welcome();
  next.attached({ channel: 3, recovered: true, offset: 2 });
  next.output(3, 2, "cd");
  expect([screen.shown, next.typed]).toEqual(["abcd", "x"]);
});

test("a session that does not come over in time keeps nobody", () => {
  const { old, next, state } = leaving();
  next.welcome();
  const { id } = next.last("attach");
  next.say({ type: "error", id, code: 5003, message: "later", retryAfterMs: 6_000 });
  vi.advanceTimersByTime(5_000);
  expect([old.closedWith, state().phase]).toEqual([1000, "attaching"]);
  vi.advanceTimersByTime(1_000);
  next.attached({ channel: 3, recovered: true, offset: 2 });
  expect(state().phase).toBe("live");
});

test("who is not let in at the next server stays where they are", () => {
  const { sockets, connection, old, next } = leaving();
  next.drop(4003);
  vi.advanceTimersByTime(3_900);
  expect(sockets).toEqual([old, next]);
  expect([connection.state.get().phase, old.closedWith]).toEqual(["connected", undefined]);
});
