/** A project's focus as one client keeps it: the highest version wins, whoever said it and when. */
import { expect, test } from "vitest";
import { Code } from "../src/codes.ts";
import { type FocusState, FocusStore } from "../src/focus.ts";
import { fakeConnection } from "./fake.ts";

function focusOf(version: number, ...focusedSessions: string[]): FocusState {
  const totalFocused = focusedSessions.length;
  return { projectId: "p", focusedSessions, totalFocused, maxFocused: 4, version };
}

function watched() {
  const fake = fakeConnection();
  fake.connection.connect();
  fake.socket().welcome();
  const focus = new FocusStore(fake.connection, "p");
  const socket = fake.socket();
  const update = (state: FocusState, sessionId: string, focused: boolean): void =>
    socket.say({ type: "focus_update", ...state, sessionId, focused, timestamp: 1 });
  /** Answers the newest request of a type. */
  const answer = (type: string, message: object): void =>
    socket.say({ ...message, id: socket.last(type)["id"] });
  return { ...fake, focus, socket, update, answer };
}

/** The refusal of a change that came too late. */
function conflict(state: FocusState): object {
  const refusal = { name: "VERSION_CONFLICT", message: "the version has moved on" };
  return { type: "error", code: Code.VersionConflict, ...refusal, focusState: state };
}

test("nothing is known before the first answer, which brings the whole set", async () => {
  const { focus, answer } = watched();
  expect([focus.state.get(), focus.isFocused("a")]).toEqual([undefined, false]);
  const subscribed = focus.subscribe();
  answer("subscribe", {
    type: "subscribed",
    projectId: "p",
    focusState: focusOf(7, "a"),
    sessions: [],
  });
  await subscribed;
  expect([focus.state.get(), focus.isFocused("a")]).toEqual([focusOf(7, "a"), true]);
});

test("an update of a higher version holds, over any hole; a lower or equal one does not", () => {
  const { focus, update } = watched();
  update(focusOf(3, "a"), "a", true);
  update(focusOf(900, "a", "b"), "b", true);
  update(focusOf(900, "z"), "z", true);
  update(focusOf(5), "a", false);
  expect(focus.state.get()).toEqual(focusOf(900, "a", "b"));
  update(focusOf(901, "b"), "a", false);
  expect(focus.state.get()).toEqual(focusOf(901, "b"));
});

test("another project's focus is none of its business", () => {
  const { focus, update } = watched();
  update({ ...focusOf(3, "a"), projectId: "q" }, "a", true);
  expect(focus.state.get()).toBeUndefined();
});

test("listeners hear of each new set once, and of nothing after the end", () => {
  const { focus, update } = watched();
  let heard = 0;
  focus.state.subscribe(() => (heard += 1));
  update(focusOf(1, "a"), "a", true);
  update(focusOf(1, "a"), "a", true);
  focus.close();
  update(focusOf(2), "a", false);
  expect([heard, focus.state.get()?.version]).toEqual([1, 1]);
});

test("a change goes out without a version, and its answer is taken", async () => {
  const { focus, socket, answer } = watched();
  const changes = [
    { sessionId: "a", focused: false },
    { sessionId: "b", focused: true },
  ];
  const changed = focus.change(changes);
  expect(socket.last("focus")).toMatchObject({ projectId: "p", changes });
  expect(socket.last("focus")).not.toHaveProperty("expectedVersion");
  answer("focus", { type: "focused", focusState: focusOf(4, "b") });
  expect(await changed).toEqual(focusOf(4, "b"));
  expect(focus.isFocused("b")).toBe(true);
});

test("what is decided by the set is decided again when somebody was faster", async () => {
  const { focus, socket, update, answer } = watched();
  update(focusOf(4, "a"), "a", true);
  const seen: (number | undefined)[] = [];
  const updated = focus.update((now) => {
    seen.push(now?.version);
    return [{ sessionId: "b", focused: !now?.focusedSessions.includes("c") }];
  });
  expect(socket.last("focus")).toMatchObject({ expectedVersion: 4 });
  answer("focus", conflict(focusOf(6, "a", "c")));
  await expect.poll(() => socket.count("focus")).toBe(2);
  expect(socket.last("focus")).toMatchObject({
    expectedVersion: 6,
    changes: [{ sessionId: "b", focused: false }],
  });
  answer("focus", { type: "focused", focusState: focusOf(7, "a", "c") });
  expect(await updated).toEqual(focusOf(7, "a", "c"));
  expect(seen).toEqual([4, 6]);
});

test("who is always too late gives up after five times, with what the focus is", async () => {
  const { focus, socket, answer } = watched();
  const updated = focus.update(() => [{ sessionId: "a", focused: true }]);
  const refused = expect(updated).rejects.toMatchObject({ focusState: focusOf(15) });
  for (let round = 1; round <= 6; round += 1) {
    await expect.poll(() => socket.count("focus")).toBe(round);
    answer("focus", conflict(focusOf(9 + round)));
  }
  await refused;
  expect(socket.count("focus")).toBe(6);
});

test("nothing to change sends nothing; another refusal is no reason to try again", async () => {
  const { focus, socket, answer } = watched();
  await focus.update(() => []);
  expect(socket.count("focus")).toBe(0);
  const changed = focus.update(() => [{ sessionId: "a", focused: true }]);
  const refused = expect(changed).rejects.toMatchObject({ code: Code.SessionNotFound });
  answer("focus", { type: "error", code: Code.SessionNotFound, message: "no such session" });
  await refused;
});
