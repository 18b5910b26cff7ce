/**
 * Runs the scripts of the two documents that this product began with, as they stand in `seeds/`: in
 * Chromium, as modules of a page whose origin is the server's, with stand-ins for what they import.
 */
import fs from "node:fs";
import { createServer } from "node:net";

/** The ports that the scripts name: the first document's, and the second one's. */
const PORTS = [4001, 8000];

/** These pages come from the test, not from an address of this machine, which Chromium minds. */
export const VISITOR = { permissions: ["local-network-access"] };

/** Where the server listens for them: on their ports, or on free ones where those are taken. */
export async function doors() {
  const chosen = [];
  for (const port of PORTS) {
    const free = (await listen(port)) ?? (await listen(0));
    if (free !== port) console.log(`port ${port} is taken here: the scripts' URLs say ${free} instead`);
    chosen.push(free);
  }
  return {
    listen: chosen.map((port) => `127.0.0.1:${port}`),
    /** A text with the ports that are used. */
    at: (text) => text.replaceAll(/localhost:(4001|8000)/g, (_, port) => {
      return `localhost:${chosen[PORTS.indexOf(Number(port))]}`;
    }),
  };
}

async function listen(port) {
  const server = createServer();
  const bound = await new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server.address().port));
  });
  await new Promise((resolve) => server.close(resolve));
  return bound;
}

/** A script, word for word. */
export function script(name) {
  return fs.readFileSync(new URL(`../seeds/${name}`, import.meta.url), "utf8");
}

/**
 * Opens an empty page of that origin with modules to import.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} origin
 * @param {Record<string, string>} modules what they are imported as, and their text
 */
export async function openModules(page, origin, modules) {
  const names = Object.keys(modules);
  const imports = Object.fromEntries(names.map((name, at) => [name, `${origin}/seeds/${at}.js`]));
  await page.route(`${origin}/seeds/*`, (route) => {
    const file = new URL(route.request().url()).pathname.split("/").at(-1);
    if (file === "index.html") return route.fulfill({ contentType: "text/html", body: html(imports) });
    const name = names[Number.parseInt(file, 10)];
    return route.fulfill({ contentType: "text/javascript", body: modules[name] });
  });
  await page.goto(`${origin}/seeds/index.html`);
}

function html(imports) {
  return `<!doctype html>
    <link rel="icon" href="data:,">
    <script type="importmap">${JSON.stringify({ imports })}</script>
    <div id="terminal"></div>`;
}

/** `k6/ws`, as far as the scripts use it, over the browser's own WebSocket. */
export const K6_WS = `
  export default {
    connect(url, configure) {
      const socket = new WebSocket(url);
      configure({
        on: (name, handler) => socket.addEventListener(name, (event) => handler(event.data)),
        send: (text) => socket.send(text),
      });
    },
  };
`;

/** Makes a session that a script only names. */
export async function createAlias(dev, alias) {
  const answer = await fetch(`${dev.origin}/api/terminal/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ projectId: dev.ready.project, config: { alias } }),
  });
  if (answer.status !== 201) throw new Error(`no session ${alias}: ${answer.status} ${await answer.text()}`);
}
