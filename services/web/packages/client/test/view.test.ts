/** Who looks at a session, how it is fed because of that, and what it says beside its screen. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readMessage } from "../src/read.ts";
import { bytes, fakeConnection, FakeScreen, liveSession, SESSION } from "./fake.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what was said before there was a channel is told once there is one, and on each later one", () => {
  const { attachment, socket } = liveSession();
  attachment.view(false);
  expect(socket().count("view")).toBe(0);
  socket().attached({ channel: 3 });
  expect(socket().last("view")).toMatchObject({ channel: 3, visible: false });
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  socket().attached({ channel: 4 });
  expect(socket().last("view")).toMatchObject({ channel: 4, visible: false });
});

test("only a change is told, and nothing by who never said anything", () => {
  const { attachment, socket } = liveSession();
  socket().attached();
  expect(socket().count("view")).toBe(0);
  for (const visible of [true, true, false, false, true]) attachment.view(visible);
  expect(socket().count("view")).toBe(3);
});

test("the tier that was asked for is asked for again, the one that was given is shown", () => {
  const { connection, socket } = fakeConnection();
  connection.connect();
  socket().welcome();
  const options = { screen: new FakeScreen(), cols: 80, rows: 24, tier: "auto" } as const;
  const attachment = connection.attach(SESSION, options);
  expect(socket().last("attach")["tier"]).toBe("auto");
  socket().attached({ tier: "preview" });
  expect(attachment.state.get().tier).toBe("preview");
  const event = { type: "event", sessionId: SESSION, channel: 1, kind: "tier" };
  socket().say({ ...event, tier: "live" });
  expect(attachment.state.get().tier).toBe("live");
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  expect(socket().last("attach")["tier"]).toBe("auto");
});

test("a preview is drawn as snapshots that come unasked, and the bytes behind them", () => {
  const { socket, screen } = liveSession();
  socket().attached({ tier: "preview" });
  socket().snapshot(1, 0);
  socket().output(1, 0, "one");
  socket().snapshot(1, 90_000);
  socket().output(1, 90_000, "two");
  expect([screen.shown, screen.resets, socket().count("sync")]).toEqual(["two", 2, 0]);
});

test("a refresh asks for a snapshot, and draws it", () => {
  const { attachment, socket, screen } = liveSession();
  attachment.refresh();
  expect(socket().count("sync")).toBe(0);
  socket().attached();
  socket().snapshot(1, 0);
  socket().output(1, 0, "hello");
  attachment.refresh();
  const { id, ...rest } = socket().last("sync");
  expect(rest).toEqual({ type: "sync", channel: 1 });
  const synced = { sessionId: SESSION, channel: 1, epoch: 1, offset: 5, head: 5, recovered: false };
  const more = { driver: true, nextInputOffset: 0, cols: 80, rows: 24, status: "active" };
  socket().say({ type: "synced", id, ...synced, ...more });
  socket().snapshot(1, 5);
  expect([screen.shown, screen.resets]).toEqual(["", 2]);
  attachment.send(bytes("x"));
  expect(socket().typed).toBe("x");
});

test.each([
  [{ kind: "bell" }, { kind: "bell" }],
  [{ kind: "title", title: "vim" }, { kind: "title", title: "vim" }],
  [{ kind: "title" }, { kind: "title", title: "" }],
  [{ kind: "cwd", path: "/srv" }, { kind: "cwd", path: "/srv" }],
  [{ kind: "progress", state: "normal", percent: 40 }, { kind: "progress", state: "normal", percent: 40 }],
  [{ kind: "progress", state: "none", percent: 0 }, { kind: "progress" }],
  [{ kind: "progress" }, { kind: "progress" }],
  [{ kind: "notification", body: "done" }, { kind: "notification", title: "", body: "done" }],
  [{ kind: "command_started" }, { kind: "command_started" }],
  [{ kind: "command_finished", exitCode: 3 }, { kind: "command_finished", exitCode: 3 }],
  [{ kind: "command_finished" }, { kind: "command_finished" }],
  [{ kind: "tier", tier: "events" }, { kind: "tier", tier: "events" }],
  [{ kind: "waiting", hidden: true }, { kind: "waiting", hidden: true }],
  [{ kind: "of a later version", what: 1 }, { kind: "other", name: "of a later version" }],
])("the event %j is read", (fields, event) => {
  const message = { type: "event", sessionId: SESSION, ...fields };
  expect(readMessage(JSON.stringify(message))).toEqual({ type: "event", sessionId: SESSION, event });
});
