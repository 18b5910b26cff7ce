/**
 * Pages that the server does not serve: on another port, on another host, in a sandboxed frame, and
 * with the headers that desktop shells and forwarding development servers send. What
 * docs/recipes/browser-frontend.md says is so.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { closeBrowser, resolve, visitor } from "./support/chromium.mjs";
import { Dev } from "./support/dev.mjs";
import { until } from "./support/wait.mjs";

const PAGE = fileURLToPath(new URL("./other-origin/page.html", import.meta.url));
/** The client package as it was built: the page has it from its own server. */
const SDK = path.join(path.dirname(resolve("@termfleet/client/package.json")), "dist");
const SHELLS = ["tauri://localhost", "http://tauri.localhost", "app://termfleet"];

let frontend;
let dev;
/** The frontend's origins: Chromium takes every name under localhost for this machine. */
let listed;
let foreign;

before(async () => {
  frontend = http.createServer(serve);
  await new Promise((ready) => frontend.listen(0, "127.0.0.1", ready));
  const { port } = frontend.address();
  listed = [`http://127.0.0.1:${port}`, `http://app.localhost:${port}`];
  foreign = `http://evil.localhost:${port}`;
  const origins = [...listed, ...SHELLS].join(",");
  const settings = [`server.cors.origins=${origins}`, "server.hosts=terminal.localhost"];
  dev = await Dev.start({ args: settings.flatMap((setting) => ["--set", setting]) });
});

after(async () => {
  await closeBrowser();
  await dev?.end();
  frontend?.closeAllConnections();
  await new Promise((closed) => frontend?.close(closed));
});

function serve(request, response) {
  const { pathname } = new URL(request.url, "http://frontend");
  const script = /^\/sdk\/([\w-]+\.js)$/.exec(pathname)?.[1];
  if (pathname === "/frame") {
    return answer(response, "text/html", `<iframe sandbox="allow-scripts" src="/empty"></iframe>`);
  }
  if (script) return answer(response, "text/javascript", fs.readFileSync(path.join(SDK, script)));
  if (pathname === "/") return answer(response, "text/html", fs.readFileSync(PAGE));
  response.writeHead(204).end();
}

function answer(response, type, body) {
  // A sandboxed frame is of no origin: without this it could not even load its own scripts.
  response.writeHead(200, { "Content-Type": type, "Access-Control-Allow-Origin": "*" }).end(body);
}

/** A page of that origin, told where the server is. */
async function open(origin, server = dev.origin, place = "/") {
  const { page, complaints } = await visitor();
  await page.goto(`${origin}${place}#${new URLSearchParams({ server, token: dev.ready.token })}`);
  return { page, complaints };
}

for (const [at, where] of ["another port", "another host"].entries()) {
  test(`a listed page on ${where} has REST and a terminal`, async () => {
    const server = at === 0 ? dev.origin : dev.origin.replace("127.0.0.1", "terminal.localhost");
    const { page, complaints } = await open(listed[at], server);
    await page.waitForFunction(() => window.page?.connection() === "connected");
    assert.equal(await page.evaluate(() => window.page.origin), listed[at]);
    assert.equal(await page.evaluate(() => window.page.rest()), "read");
    await page.evaluate(() => window.page.open());
    await page.waitForFunction(() => window.page.shown.includes("from-42"));
    assert.deepEqual(complaints, []);
  });
}

test("a page that is not listed has neither", async () => {
  const { page, complaints } = await open(foreign);
  await page.waitForFunction(() => window.page?.connection() === "disconnected");
  assert.equal(await page.evaluate(() => window.page.rest()), "CONNECTION_FAILED");
  assert.match(complaints.join("\n"), /CORS policy/);
  assert.match(complaints.join("\n"), /WebSocket .* 403/);
});

test("a sandboxed frame of a listed page has neither: its origin is null", async () => {
  const { page, complaints } = await open(listed[0], dev.origin, "/frame");
  const [, frame] = await until("the frame", () => page.frames().length > 1 && page.frames());
  await frame.goto(`${listed[0]}/#${new URLSearchParams({ server: dev.origin, token: dev.ready.token })}`);
  await frame.waitForFunction(() => window.page?.connection() === "disconnected");
  assert.equal(await frame.evaluate(() => window.page.rest()), "CONNECTION_FAILED");
  assert.match(complaints.join("\n"), /from origin 'null'/);
});

test("a desktop shell gets in by its listed origin, and by no other", async () => {
  for (const origin of SHELLS) {
    assert.deepEqual(await called({ origin }), { rest: 200, allowed: origin, socket: 101 }, origin);
  }
  for (const origin of ["tauri://other", "app://termfleet.evil", "file://", "null"]) {
    assert.deepEqual(await called({ origin }), { rest: 403, allowed: undefined, socket: 403 }, origin);
  }
});

test("a program that is no browser sends no origin and needs none", async () => {
  assert.deepEqual(await called({}), { rest: 200, allowed: undefined, socket: 101 });
});

test("a forwarding development server is the page's own, unless it changes the host", async () => {
  const origin = "http://localhost:5173";
  const kept = await called({ origin, host: "localhost:5173" });
  assert.deepEqual(kept, { rest: 200, allowed: undefined, socket: 101 });
  const changed = await called({ origin, host: new URL(dev.origin).host });
  assert.deepEqual(changed, { rest: 403, allowed: undefined, socket: 403 });
});

test("a name that the server was not told is misdirected", async () => {
  const host = "other.localhost";
  assert.deepEqual(await called({ host }), { rest: 421, allowed: undefined, socket: 421 });
});

/** What the server says to REST and to an upgrade with these headers. */
async function called(headers) {
  const authorization = `Bearer ${dev.ready.token}`;
  const rest = await asked("/api/terminal/projects", { ...headers, authorization });
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "termfleet.v1",
  };
  const socket = await asked("/terminal", { ...headers, ...upgrade });
  const allowed = rest.headers["access-control-allow-origin"];
  return { rest: rest.statusCode, allowed, socket: socket.statusCode };
}

function asked(place, headers) {
  return new Promise((done, fail) => {
    const request = http.get(`${dev.origin}${place}`, { headers, agent: false });
    request.once("error", fail);
    request.once("response", (response) => done(response.resume()));
    request.once("upgrade", (response, socket) => done(response) ?? socket.destroy());
  });
}
