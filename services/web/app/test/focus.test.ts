/** The page's part in a project's focus: it says what it shows, and fights with nobody. */
import { Connection, FocusStore, type OpenSocket, type Socket } from "@termfleet/client";
import { expect, test } from "vitest";
import { FocusKeeper } from "../src/model/focus.ts";

type Json = Record<string, unknown>;
type Change = { sessionId: string; focused: boolean };

/** A server with nothing but a focus, by the rule of the real one: the least active goes first. */
function server({ maxFocused = 4, refuse = 0 } = {}) {
  let focused: string[] = [];
  let version = 0;
  let socket: Socket | undefined;
  const asked: string[] = [];
  const state = (): Json => {
    const totalFocused = focused.length;
    return { projectId: "p", focusedSessions: focused, totalFocused, maxFocused, version };
  };
  const say = (message: Json): void => socket?.onmessage?.({ data: JSON.stringify(message) });
  const set = (id: string, on: boolean): void => {
    focused = [...focused.filter((each) => each !== id), ...(on ? [id] : [])].slice(-maxFocused);
    version += 1;
    say({ type: "focus_update", ...state(), sessionId: id, focused: on, timestamp: 1 });
  };
  const hear = (message: Json): void => {
    const { id, type } = message;
    if (type === "subscribe") {
      say({ type: "subscribed", id, projectId: "p", focusState: state(), sessions: [] });
    } else if (type === "focus") {
      const changes = message["changes"] as Change[];
      asked.push(changes.map((each) => (each.focused ? "+" : "-") + each.sessionId).join(" "));
      if (refuse > 0) return say({ type: "error", id, code: refuse, message: "no" });
      for (const change of changes) set(change.sessionId, change.focused);
      say({ type: "focused", id, focusState: state() });
    }
  };
  const open: OpenSocket = () => {
    socket = {
      binaryType: "",
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (data) => queueMicrotask(() => hear(JSON.parse(String(data)) as Json)),
      close: () => {},
    };
    return socket;
  };
  return { open, say, set, asked, now: () => focused.join(" ") };
}

const WELCOME = {
  type: "welcome",
  connectionId: "c1",
  user: { id: "dev", role: "admin", tenant: "~dev" },
  server: { version: "0.1.0", instance: "i" },
  limits: { maxMessageBytes: 65536, maxInputBytes: 32768, maxChannels: 64, windowBytes: 262144 },
  heartbeatMs: 15000,
};

/** A page on that server, which knows the focus. */
async function page(options?: { maxFocused?: number; refuse?: number }) {
  const fake = server(options);
  const connection = new Connection({ url: "ws://test/terminal", open: fake.open });
  connection.connect();
  fake.say(WELCOME);
  const store = new FocusStore(connection, "p");
  const keeper = new FocusKeeper(store);
  await store.subscribe();
  const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
  return { ...fake, keeper, quiet, end: () => connection.close() };
}

test("what is shown has the focus, and what is left loses it", async () => {
  const { keeper, quiet, asked, now, end } = await page();
  keeper.show(["a"]);
  await quiet();
  keeper.show(["b"]);
  await quiet();
  expect([asked, now()]).toEqual([["+a", "-a +b"], "b"]);
  end();
});

test("several panes are focused together, the active one last", async () => {
  const { keeper, quiet, asked, now, end } = await page();
  keeper.show(["a", "b", "c"]);
  await quiet();
  keeper.show(["a", "c", "b"]);
  await quiet();
  expect([asked, now()]).toEqual([["+a +b +c"], "a b c"]);
  end();
});

test("what another page focused is left to it", async () => {
  const { keeper, quiet, asked, set, now, end } = await page();
  set("a", true);
  keeper.show(["a"]);
  await quiet();
  keeper.show([]);
  await quiet();
  expect([asked, now()]).toEqual([[], "a"]);
  end();
});

test("what another page leaves is taken up while it is shown here", async () => {
  const { keeper, quiet, asked, set, now, end } = await page();
  set("a", true);
  keeper.show(["a"]);
  set("a", false);
  await quiet();
  expect([asked, now()]).toEqual([["+a"], "a"]);
  end();
});

test("a choice takes the focus from another session; its loss takes none back", async () => {
  const { keeper, quiet, asked, set, now, end } = await page({ maxFocused: 1 });
  set("theirs", true);
  keeper.show(["mine"]);
  await quiet();
  expect(now()).toBe("mine");
  set("theirs", true);
  await quiet();
  expect([asked, now()]).toEqual([["+mine"], "theirs"]);
  end();
});

test("wishes that come while one is under way are sent after it", async () => {
  const { keeper, quiet, asked, now, end } = await page();
  keeper.show(["a"]);
  keeper.show(["b"]);
  keeper.show(["c"]);
  await quiet();
  await quiet();
  expect([asked, now()]).toEqual([["+a", "-a +c"], "c"]);
  end();
});

test("who may not focus asks once; another refusal is tried again when something changes", async () => {
  const forbidden = await page({ refuse: 4002 });
  forbidden.keeper.show(["a"]);
  await forbidden.quiet();
  forbidden.keeper.show(["b"]);
  await forbidden.quiet();
  expect(forbidden.asked).toEqual(["+a"]);
  forbidden.end();

  const away = await page({ refuse: 5003 });
  away.keeper.show(["a"]);
  await away.quiet();
  away.set("z", true);
  await away.quiet();
  expect(away.asked).toEqual(["+a", "+a"]);
  away.end();
});
