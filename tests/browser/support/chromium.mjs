/**
 * The distribution's own Chromium, driven by playwright-core: one process for a test file, a fresh
 * profile for every visitor, and a list of everything that a page complained about.
 */
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { DEADLINE_MS } from "./wait.mjs";

const require = createRequire(new URL("../../../services/web/package.json", import.meta.url));
/** Where a file of the web terminal's packages lies. */
export const resolve = require.resolve;
/** The web terminal's own compiler, loaded by those who need it. */
export const typescript = () => require("typescript");
const { chromium } = require("playwright-core");

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const ARGUMENTS = [
  "--no-sandbox", // Needed by root, as in most containers; only our own pages are opened.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const WINDOW = { width: 1280, height: 800 };

let launched;

/** The browser of this process, started at the first call. */
export function browser() {
  launched ??= chromium.launch({ executablePath: executable(), args: ARGUMENTS });
  return launched;
}

export async function closeBrowser() {
  await (await launched?.catch(() => undefined))?.close();
  launched = undefined;
}

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  for (const name of NAMES) {
    const found = folders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
    if (found) return found;
  }
  throw new Error(`none of ${NAMES.join(", ")} is on the PATH: apt install chromium`);
}

/**
 * A page in a profile of its own, and what it complains about: errors on its console, exceptions
 * and violations of the server's content security policy.
 *
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function visitor(options = {}) {
  const context = await (await browser()).newContext({ viewport: WINDOW, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  await page.exposeFunction("reportViolation", (text) => complaints.push(`policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      void window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return { context, page, complaints };
}
