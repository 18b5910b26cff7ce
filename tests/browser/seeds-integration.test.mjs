/**
 * The first document's "Terminal System Integration" test and its k6 script, word for word
 * (`seeds/integration.js`, `seeds/load-sessions.js`), in a browser.
 *
 * Completed, because the document leaves it out: `describe`, `it`, `expect`, `api`,
 * `waitForConnection` and `waitForMessage`. The last one collects `output` until the command's own
 * line is in it, as a terminal sends its screen, the echo and the answer in pieces of its choice. The
 * k6 script has options and no default function: one is added that does once what they measure.
 */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { doors, K6_WS, openModules, script, VISITOR } from "./support/seeds.mjs";
import { within } from "./support/wait.mjs";

const { listen, at } = await doors();
const ORIGIN = at("http://localhost:4001");

const HELPERS = `
  const answer = async (response) => {
    if (!response.ok) throw new Error(response.status + " " + (await response.text()));
    return { data: await response.json() };
  };
  const json = { "content-type": "application/json" };
  export const api = {
    post: async (url, body) =>
      answer(await fetch(url, { method: "POST", headers: json, body: JSON.stringify(body) })),
    delete: async (url) => answer(await fetch(url, { method: "DELETE" })),
  };
  export const waitForConnection = (ws) =>
    new Promise((resolve, reject) => {
      ws.onopen = resolve;
      ws.onerror = () => reject(new Error("no connection"));
    });
  export const waitForMessage = (ws, type) =>
    new Promise((resolve) => {
      let payload = "";
      ws.onmessage = (event) => {
        const message = JSON.parse(event.data);
        if (message.type !== type) return;
        payload += message.payload;
        if (/^test\\r?$/m.test(payload)) resolve({ ...message, payload });
      };
    });
`;

const TEST = `
  import { api, waitForConnection, waitForMessage } from "helpers";
  export const passed = [];
  const cases = [];
  const describe = (name, body) => body();
  const it = (name, body) => cases.push([name, body]);
  const expect = (text) => ({
    toContain: (part) => {
      if (!text.includes(part)) throw new Error(JSON.stringify(text) + " lacks " + part);
    },
  });
  ${at(script("integration.js"))}
  for (const [name, body] of cases) {
    await body();
    passed.push(name);
  }
`;

const LOAD = `
  ${script("load-sessions.js")}
  export default async function () {
    const created = await http.post("/api/terminal/sessions", { projectId: "load" });
    const sessionId = created.session.id;
    const heard = [];
    await new Promise((resolve) => {
      ws.connect("${at("ws://localhost:4001/terminal")}", (socket) => {
        socket.on("message", (text) => {
          heard.push(JSON.parse(text));
          const output = heard.filter(({ type }) => type === "output").map(({ payload }) => payload);
          if (output.join("").includes("load-42")) resolve();
        });
        socket.on("open", () => {
          const payload = "echo load-$((40 + 2))\\n";
          socket.send(JSON.stringify({ type: "send_input", sessionId, payload }));
        });
      });
    });
    return { sessionId, heard, deleted: await http.del("/api/terminal/sessions/" + sessionId) };
  }
`;

/** What k6 calls `http`, as far as it is needed here. */
const K6_HTTP = `
  import { api } from "helpers";
  export default {
    post: async (url, body) => (await api.post(url, body)).data,
    del: async (url) => (await api.delete(url)).data,
  };
`;

scenario("the integration test of the first document passes as it stands", async (stage) => {
  const { page } = await stage.visitor(VISITOR);
  await openModules(page, ORIGIN, { helpers: HELPERS, test: TEST });
  const run = page.evaluate(async () => (await import("test")).passed);
  const passed = await within("the test to end", run);
  assert.deepEqual(passed, ["should handle complete session lifecycle"]);
}, { args: ["--no-auth"], listen });

scenario("the k6 script of the first document finds what it would measure", async (stage) => {
  const { page } = await stage.visitor(VISITOR);
  const modules = { helpers: HELPERS, "k6/http": K6_HTTP, "k6/ws": K6_WS, load: LOAD };
  await openModules(page, ORIGIN, modules);
  const run = page.evaluate(async () => {
    const load = await import("load");
    return { options: load.options, outcome: await load.default() };
  });
  const { options, outcome } = await within("the script to end", run);
  assert.equal(options.stages.length, 3);
  assert.deepEqual(outcome.deleted, { success: true });
  for (const message of outcome.heard) {
    assert.equal(typeof message.timestamp, "number");
    if (message.type === "output") assert.equal(message.sessionId, outcome.sessionId);
  }
}, { args: ["--no-auth"], listen });
