/** Coming back with the newest resume ticket, to whichever server. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeConnection, FakeSocket } from "./fake.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const PLAIN = "ws://test/terminal";

function connected(options = {}) {
  const fake = fakeConnection(options);
  fake.connection.connect();
  return fake;
}

function heartbeat(socket: FakeSocket, resumeTicket?: string): void {
  socket.say({ type: "heartbeat", serverTime: 1, ...(resumeTicket ? { resumeTicket } : {}) });
}

/** The connection is lost, and the next try begins. */
function lose(socket: FakeSocket): void {
  socket.drop();
  vi.advanceTimersByTime(30_000);
}

test("the first socket brings no ticket, the next one that of the welcome", () => {
  const { socket } = connected();
  expect(socket().url).toBe(PLAIN);
  socket().welcome({ resumeTicket: "one" });
  lose(socket());
  expect(socket().url).toBe(`${PLAIN}?resume=one`);
});

test("heartbeats bring fresh ones, and those without leave the last one good", () => {
  const { socket } = connected();
  socket().welcome({ resumeTicket: "one" });
  heartbeat(socket(), "two");
  heartbeat(socket());
  lose(socket());
  expect(socket().url).toBe(`${PLAIN}?resume=two`);
  // A server that could not be reached has given none: the ticket is shown again.
  lose(socket());
  expect(socket().url).toBe(`${PLAIN}?resume=two`);
});

test("a server that gives none is come back to without", () => {
  const { socket } = connected();
  socket().welcome();
  heartbeat(socket());
  lose(socket());
  expect(socket().url).toBe(PLAIN);
});

test("another server is shown the same ticket, beside what its address says", () => {
  const url = ["ws://a/terminal?dialect=termfleet.v1", "ws://b/terminal?dialect=termfleet.v1"];
  const { socket } = connected({ url });
  const first = socket().url;
  socket().welcome({ resumeTicket: "one" });
  lose(socket());
  expect(socket().url).not.toContain(first);
  expect(socket().url).toMatch(/^ws:\/\/[ab]\/terminal\?dialect=termfleet\.v1&resume=one$/);
});

test("a socket is made before the old one breaks with the old one's ticket", () => {
  const { connection, socket, sockets } = connected();
  const old = socket();
  old.welcome({ resumeTicket: "old" });
  connection.attach("aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbbbb", {
    screen: { reset() {}, resize() {}, write() {} },
    cols: 80,
    rows: 24,
  });
  old.say({ type: "draining", retryAfterMs: 100 });
  vi.advanceTimersByTime(100);
  expect([sockets.length, socket().url]).toEqual([2, `${PLAIN}?resume=old`]);
  socket().welcome({ resumeTicket: "new" });
  // The old one still speaks while its attachments move; its place is the new one's already.
  heartbeat(old, "late");
  lose(old);
  lose(socket());
  expect(socket().url).toBe(`${PLAIN}?resume=new`);
});
