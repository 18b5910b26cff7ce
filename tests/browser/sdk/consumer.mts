/** What somebody writes who has nothing but the package: compiled and run in an empty project. */
import assert from "node:assert/strict";
import {
  CODES,
  Connection,
  decodeFrame,
  explain,
  FocusStore,
  type Screen,
  TerminalApi,
  TermfleetError,
} from "@termfleet/client";
import codes from "@termfleet/client/vectors/codes.json" with { type: "json" };
import frames from "@termfleet/client/vectors/frames.json" with { type: "json" };
import WebSocket from "ws";

const [origin = "", secret = ""] = process.argv.slice(2);
const token = (): string => secret;
const api = new TerminalApi({ origin, token });

// The vectors are those that the package itself was tested with.
assert.deepEqual(codes.map((row) => row.code), [...CODES.keys()].sort((a, b) => a - b));
for (const { hex, frame } of frames) {
  assert.equal(decodeFrame(Uint8Array.from(Buffer.from(hex, "hex"))).kind, frame.kind);
}

// Without a WebSocket of the platform's own the mistake is told at once, and what to do.
const url = `${origin.replace("http", "ws")}/terminal`;
if (!("WebSocket" in globalThis)) {
  assert.throws(() => new Connection({ url }), /give a class as the option `webSocket`/);
}

const refused = await api.getSession("nobody").catch((error: unknown) => error);
assert.ok(refused instanceof TermfleetError && refused.codeName === "SESSION_NOT_FOUND");
assert.match(explain(refused.code), /List your sessions/);

const connection = new Connection({ url, token, webSocket: WebSocket });
connection.connect();
const focus = new FocusStore(connection, "sdk");

let shown = "";
const decoder = new TextDecoder();
const screen: Screen = {
  reset: () => (shown = ""),
  resize() {},
  write(data, _replay, parsed) {
    shown += decoder.decode(data, { stream: true });
    parsed();
  },
};
const session = await api.createSession({ projectId: "sdk" });
const attachment = connection.attach(session.id, {
  screen,
  cols: 80,
  rows: 24,
  startEpoch: session.epoch,
});
// Sent before there is any connection: it waits for one.
assert.ok(attachment.send(new TextEncoder().encode("echo answer-$((40 + 2))\r")));
await until(() => shown.includes("answer-42"));
assert.deepEqual((await api.listSessions("sdk")).map(({ id }) => id), [session.id]);

await api.deleteSession(session.id);
await until(() => attachment.state.get().phase === "ended" || attachment.state.get().exit);
focus.close();
connection.close();
console.log("the package works");

async function until(holds: () => unknown): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `not in time; on the screen:\n${shown}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
