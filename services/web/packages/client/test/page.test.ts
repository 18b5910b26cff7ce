/** A page that wakes up, comes online or is looked at again asks at once how things stand. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { socketUrl, watchPage } from "../src/page.ts";
import { fakeConnection } from "./fake.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A page with a connection that was lost several times: its next try is seconds away. */
function watched(lost: boolean) {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const page = Object.assign(new EventTarget(), { document });
  const fake = fakeConnection({ random: () => 1 });
  fake.connection.connect();
  fake.socket().welcome();
  fake.socket().say({ type: "heartbeat", timestamp: 0, serverTime: 1 });
  const stop = watchPage(fake.connection, page as unknown as Window);
  for (let times = 0; lost && times < 4; times += 1) {
    vi.advanceTimersByTime(5_000);
    fake.socket().drop();
  }
  const show = (state: string): void => {
    document.visibilityState = state;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  return { ...fake, page, show, stop };
}

test.each(["pageshow", "online"])("%s: a lost connection is tried at once", (name) => {
  const { page, sockets } = watched(true);
  const before = sockets.length;
  page.dispatchEvent(new Event(name));
  expect(sockets).toHaveLength(before + 1);
});

test.each(["pageshow", "online"])("%s: a connection that stands is asked for a sign of life", (name) => {
  const { page, socket, sockets } = watched(false);
  const before = socket().count("heartbeat");
  page.dispatchEvent(new Event(name));
  expect(socket().count("heartbeat")).toBe(before + 1);
  // Without one it is given up for lost, and the next one stands within 100 ms more.
  vi.advanceTimersByTime(3_999);
  expect(sockets).toHaveLength(1);
  vi.advanceTimersByTime(101);
  expect(sockets).toHaveLength(2);
});

test.each([
  [1_999, 1],
  [2_000, 2],
  [2_001, 2],
])("a socket that has been opening for %i ms is opened anew: %i", (ms, opened) => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const page = Object.assign(new EventTarget(), { document });
  const { connection, sockets } = fakeConnection();
  watchPage(connection, page as unknown as Window);
  connection.connect();
  vi.advanceTimersByTime(ms);
  page.dispatchEvent(new Event("online"));
  expect([sockets.length, connection.state.get().phase]).toEqual([opened, "connecting"]);
  expect(sockets[0]?.closedWith === undefined).toBe(opened === 1);
});

test("a page that is looked at again asks; one that is left does not, and asks seldom from then on", () => {
  const { show, socket } = watched(false);
  const alive = (ms: number): number => {
    const before = socket().count("heartbeat");
    for (let left = ms; left > 0; left -= 1_000) {
      vi.advanceTimersByTime(1_000);
      socket().say({ type: "heartbeat", timestamp: 0, serverTime: 1 });
    }
    return socket().count("heartbeat") - before;
  };
  const before = socket().count("heartbeat");
  show("hidden");
  expect(socket().count("heartbeat")).toBe(before);
  expect(alive(24_000)).toBe(0);
  show("visible");
  expect(socket().count("heartbeat")).toBe(before + 1);
  expect(alive(24_000)).toBe(12);
});

test("a page that is watched no more changes nothing", () => {
  const { page, stop, sockets } = watched(true);
  stop();
  const before = sockets.length;
  page.dispatchEvent(new Event("online"));
  expect(sockets).toHaveLength(before);
});

test.each([
  ["http:", "ws://a:1/terminal"],
  ["https:", "wss://a:1/terminal"],
])("a page over %s has its socket at %s", (protocol, url) => {
  expect(socketUrl({ protocol, host: "a:1" })).toBe(url);
});
