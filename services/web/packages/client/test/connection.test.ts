/** How a connection comes, goes and comes back. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fakeConnection } from "./fake.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function connected() {
  const fake = fakeConnection({ token: () => "t0" });
  fake.connection.connect();
  fake.socket().welcome();
  return fake;
}

test("the first message is a handshake with the token", () => {
  const { socket } = connected();
  expect(socket().messages[0]).toMatchObject({ type: "handshake", auth: { token: "t0" } });
});

test("without a token the handshake carries none", () => {
  const { connection, socket } = fakeConnection();
  connection.connect();
  socket().welcome();
  expect(socket().messages[0]).not.toHaveProperty("auth");
  expect(connection.state.get().phase).toBe("connected");
});

test("the first retry comes within 100 ms, later ones within 5 s", () => {
  const { connection, sockets, socket } = fakeConnection({ random: () => 1 });
  connection.connect();
  socket().drop();
  vi.advanceTimersByTime(100);
  expect(sockets).toHaveLength(2);
  for (let opened = 2; opened < 12; opened += 1) {
    socket().drop();
    expect(connection.state.get().phase).toBe("disconnected");
    vi.advanceTimersByTime(5_000);
    expect(sockets).toHaveLength(opened + 1);
  }
});

test.each([
  [4001, "UNAUTHORIZED"],
  [4002, "FORBIDDEN"],
  [4003, "TOKEN_EXPIRED"],
])("close code %i stops it and says why", (close, name) => {
  const { connection, sockets, socket } = connected();
  socket().drop(close);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
  expect(connection.state.get()).toMatchObject({ phase: "refused", error: { codeName: name } });
  connection.connect();
  expect(sockets).toHaveLength(2);
});

test("a server that does not answer the handshake is tried again", () => {
  const { connection, sockets } = fakeConnection();
  connection.connect();
  vi.advanceTimersByTime(5_100);
  expect(sockets).toHaveLength(2);
  expect(sockets[0]?.closedWith).toBeDefined();
});

describe("heartbeats", () => {
  test("come every 2 s while somebody looks, every 25 s else", () => {
    const { connection, socket } = connected();
    const beat = () => socket().say({ type: "heartbeat", timestamp: 0, serverTime: 1 });
    beat();
    const before = socket().count("heartbeat");
    connection.setBusy(true);
    for (let at = 0; at < 3; at += 1) {
      vi.advanceTimersByTime(2_000);
      beat();
    }
    expect(socket().count("heartbeat")).toBe(before + 3);
    connection.setBusy(false);
    vi.advanceTimersByTime(24_999);
    expect(socket().count("heartbeat")).toBe(before + 3);
  });

  test("without an answer for 4 s the connection is lost, and made anew", () => {
    const { connection, sockets, socket } = connected();
    socket().say({ type: "heartbeat", serverTime: 1 });
    connection.probe();
    vi.advanceTimersByTime(3_999);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(101);
    expect(sockets).toHaveLength(2);
  });

  test("any message is a sign of life", () => {
    const { connection, sockets, socket } = connected();
    connection.probe();
    vi.advanceTimersByTime(3_000);
    socket().say({ type: "service_status", mode: "normal", degraded: [] });
    vi.advanceTimersByTime(3_000);
    expect(sockets).toHaveLength(1);
  });

  test("a machine that slept asks again before it gives the connection up", () => {
    const { connection, sockets, socket } = connected();
    connection.probe();
    const asked = socket().count("heartbeat");
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(4_200);
    expect(sockets).toHaveLength(1);
    expect(socket().count("heartbeat")).toBe(asked + 1);
    vi.advanceTimersByTime(4_100);
    expect(sockets).toHaveLength(2);
  });
});

test("news of the network cuts the wait short", () => {
  const { connection, sockets, socket } = connected();
  socket().drop();
  connection.probe();
  expect(sockets).toHaveLength(2);
});

test("closing on purpose stays closed", () => {
  const { connection, sockets, socket } = connected();
  connection.close();
  expect(socket().closedWith).toBe(1000);
  vi.advanceTimersByTime(60_000);
  expect([sockets.length, connection.state.get().phase]).toEqual([1, "idle"]);
});

test("requests that a lost socket carried are refused, not forgotten", async () => {
  const { connection, socket } = connected();
  const answer = connection.request({ type: "subscribe", projectId: "p" });
  const refused = expect(answer).rejects.toMatchObject({ code: 2001 });
  socket().drop();
  await refused;
});

test("a token is renewed in band", async () => {
  const { connection, socket } = connected();
  const expiring: string[] = [];
  connection.events.on("tokenExpiring", (at) => expiring.push(at));
  socket().say({ type: "token_expiring", expiresAt: "2030-01-01T00:00:00Z" });
  const renewed = connection.refresh("t1");
  const { id, token } = socket().last("auth_refresh");
  socket().say({ type: "auth_refreshed", id, expiresAt: "2030-01-02T00:00:00Z" });
  await renewed;
  expect([expiring, token]).toEqual([["2030-01-01T00:00:00Z"], "t1"]);
});

test("a message that cannot be read is reported and harms nothing", () => {
  const { connection, sockets, socket } = connected();
  const unreadable: string[] = [];
  connection.events.on("unreadable", (error) => unreadable.push(error.message));
  socket().say({ type: "attached" });
  socket().onmessage?.({ data: "{" });
  socket().say({ type: "a_type_of_next_year" });
  expect(unreadable).toHaveLength(2);
  expect(sockets).toHaveLength(1);
});

test("a frame that cannot be read ends the socket, as it may have carried output", () => {
  const { sockets, socket } = connected();
  socket().onmessage?.({ data: Uint8Array.of(0x66, 1).buffer });
  vi.advanceTimersByTime(100);
  expect(sockets).toHaveLength(2);
});
