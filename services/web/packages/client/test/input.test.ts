/** Input over lost sockets, refusals and shells that are no more. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Code } from "../src/codes.ts";
import type { TermfleetError } from "../src/codes.ts";
import { bytes, liveSession, SESSION } from "./fake.ts";

/** A connection that stood this long comes back at once. */
const STABLE_MS = 5_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function attached() {
  const live = liveSession();
  live.socket().attached();
  live.socket().snapshot(1, 0);
  return live;
}

test("typed bytes go out with their offsets", () => {
  const { socket, attachment } = attached();
  attachment.send(bytes("l"));
  attachment.send(bytes("s\r"));
  expect(socket().frames).toMatchObject([
    { kind: "input", channel: 1, offset: 0 },
    { kind: "input", channel: 1, offset: 1 },
  ]);
  expect(socket().typed).toBe("ls\r");
});

test("a frame carries no more than the server of the moment takes", () => {
  const limits = (maxInputBytes: number) => ({
    limits: { maxMessageBytes: 65536, maxInputBytes, maxChannels: 64, windowBytes: 262144 },
  });
  const { socket, attachment } = attached();
  const lengths = (): number[] =>
    socket().frames.flatMap((frame) => (frame.kind === "input" ? [frame.data.length] : []));
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome(limits(8));
  socket().attached({ recovered: true });
  for (const length of [7, 8, 9]) attachment.send(new Uint8Array(length));
  expect(lengths()).toEqual([7, 8, 8, 1]);
  vi.advanceTimersByTime(STABLE_MS);
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome(limits(16));
  socket().attached({ recovered: true });
  expect(lengths()).toEqual([16, 8]);
});

test("after a resume in the same shell only what was not accepted is sent again", () => {
  const { socket, attachment } = attached();
  attachment.send(bytes("abcdef"));
  socket().frame({ kind: "input_ack", channel: 1, offset: 2, echo: 0 });
  socket().drop();
  attachment.send(bytes("gh"));
  vi.advanceTimersByTime(100);
  socket().welcome();
  socket().attached({ recovered: true, nextInputOffset: 4 });
  expect(socket().typed).toBe("efgh");
});

test("across a new shell nothing is sent again until the user says so", () => {
  const { socket, attachment, state } = attached();
  attachment.send(bytes("make\r"));
  socket().drop();
  vi.advanceTimersByTime(100);
  socket().welcome();
  socket().attached({ epoch: 2, reason: "new_epoch" });
  socket().snapshot(1, 0, 2);
  expect(socket().typed).toBe("");
  expect(new TextDecoder().decode(state().doubt)).toBe("make\r");
  attachment.settleDoubt(true);
  expect(socket().typed).toBe("make\r");
  expect(state().doubt).toBeUndefined();
});

test("input in doubt can be forgotten", () => {
  const { socket, attachment, state } = attached();
  attachment.send(bytes("make\r"));
  socket().attached({ channel: 2, replaces: 1, epoch: 2, reason: "new_epoch" });
  attachment.settleDoubt(false);
  attachment.send(bytes("x"));
  expect(state().doubt).toBeUndefined();
  expect(socket().frames.at(-1)).toMatchObject({ channel: 2, offset: 0 });
});

test("a gap is filled from where the server says", () => {
  const { socket, attachment } = attached();
  attachment.send(bytes("abc"));
  attachment.send(bytes("def"));
  socket().say({ type: "error", channel: 1, code: 2006, message: "gap", nextInputOffset: 3 });
  expect(socket().typed).toBe("abcdef" + "def");
});

test("a full window is waited for, not hammered", () => {
  const { socket, attachment } = attached();
  attachment.send(bytes("abcdef"));
  socket().say({ type: "error", channel: 1, code: 2009, message: "full", nextInputOffset: 3 });
  expect(socket().typed).toBe("abcdef");
  socket().frame({ kind: "input_ack", channel: 1, offset: 3, echo: 0 });
  expect(socket().typed).toBe("abcdef" + "def");
});

test("a taken seat refuses input for good: it is not typed later", () => {
  const { socket, attachment, state } = attached();
  const refused: TermfleetError[] = [];
  attachment.events.on("refused", (error) => refused.push(error));
  attachment.send(bytes("oops"));
  socket().say({ type: "error", channel: 1, code: 4006, message: "taken", nextInputOffset: 0 });
  expect([state().driver, refused[0]?.code]).toEqual(["other", Code.TakenOver]);
  expect(attachment.send(bytes("x"))).toBe(false);
  attachment.take();
  const { id } = socket().last("control");
  socket().say({ type: "done", id, channel: 1, action: "take" });
  attachment.send(bytes("y"));
  expect(socket().typed).toBe("oops" + "y");
  expect(socket().frames.at(-1)).toMatchObject({ offset: 0 });
});

test("a free seat is taken by typing", () => {
  const { socket, attachment } = liveSession();
  socket().attached({ driver: false });
  socket().snapshot(1, 0);
  expect(attachment.send(bytes("no"))).toBe(false);
  const event = { type: "event", sessionId: SESSION, channel: 1, kind: "driver" };
  socket().say({ ...event, driver: false, taken: false });
  expect(attachment.send(bytes("yes"))).toBe(true);
  expect(socket().typed).toBe("yes");
});

test("who drives decides the size", () => {
  const { socket, screen, attachment } = liveSession();
  socket().attached({ driver: false, recovered: false, cols: 100, rows: 30 });
  socket().frame({
    kind: "snapshot",
    channel: 1,
    epoch: 1,
    offset: 0,
    cols: 100,
    rows: 30,
    reason: "new_client",
    more: false,
    data: bytes("\x1bc"),
  });
  expect(screen.size).toBe("100x30");
  const event = { type: "event", sessionId: SESSION, channel: 1 };
  socket().say({ ...event, kind: "resized", cols: 120, rows: 40, offset: 0 });
  expect(screen.size).toBe("120x40");
  socket().say({ ...event, kind: "driver", driver: true, taken: true });
  expect(screen.size).toBe("80x24");
  expect(socket().last("resize")).toMatchObject({ cols: 80, rows: 24 });
  expect(attachment.state.get()).toMatchObject({ driver: "me", cols: 80, rows: 24 });
});

test("resizes are gathered, and the last one always goes out", () => {
  const { socket, attachment } = attached();
  for (let cols = 81; cols <= 120; cols += 1) attachment.resize(cols, 30);
  vi.advanceTimersByTime(50);
  expect(socket().count("resize")).toBe(1);
  expect(socket().last("resize")).toMatchObject({ cols: 120, rows: 30 });
});

test("an exit is told with its code, and nothing more is typed", () => {
  const { socket, attachment, state } = attached();
  const event = { type: "event", sessionId: SESSION, channel: 1 };
  socket().say({ ...event, kind: "exited", exitCode: 3, offset: 0 });
  expect(state().exit).toEqual({ exitCode: 3 });
  expect(attachment.send(bytes("x"))).toBe(false);
});

test("a session that is gone ends its attachment and no other", () => {
  const { socket, state } = liveSession();
  const { id } = socket().last("attach");
  socket().say({ type: "error", id, code: 1001, message: "there is no such session" });
  expect(state()).toMatchObject({ phase: "ended", error: { code: 1001 } });
});

test("a temporary refusal is tried again, no sooner than the server asks", () => {
  const { socket } = liveSession();
  const { id } = socket().last("attach");
  socket().say({ type: "error", id, code: 5003, message: "later", retryAfterMs: 700 });
  vi.advanceTimersByTime(699);
  expect(socket().count("attach")).toBe(1);
  vi.advanceTimersByTime(1);
  expect(socket().count("attach")).toBe(2);
});
