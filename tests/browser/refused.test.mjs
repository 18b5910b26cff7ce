/** What the server refuses is told in the tab, with what to do about it. */
import assert from "node:assert/strict";
import { scenario, SERVER_AWAY } from "./support.mjs";
import { until } from "./support/wait.mjs";

/** How many sessions a project may have. */
const PROJECT_SESSIONS = 10;

scenario("one terminal too many says so, and comes once another is closed", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  for (let count = 2; count <= PROJECT_SESSIONS; count += 1) {
    await terminal.press("Control+Shift+Enter");
    await until(`tab ${count}`, async () => (await terminal.tabs()).length === count);
    await terminal.prompt();
  }
  await terminal.press("Control+Shift+Enter");
  await terminal.banner(/No shell could be started\. This project has its 10 sessions already/);

  // Eleven tabs are more than fit: the one in front is seen whole.
  const name = terminal.page.locator(".tab[data-selected=true] .tab-name");
  assert.ok(await name.evaluate((element) => element.scrollWidth <= element.clientWidth));
  const close = terminal.page.locator(".tab[data-selected=true]").getByTestId("close-tab");
  const seen = await close.evaluate((element) => {
    const { left, right, top } = element.getBoundingClientRect();
    const at = (x) => document.elementFromPoint(x, top + 5) === element;
    return at(left + 2) && at(right - 2);
  });
  assert.ok(seen, "its close button is not cut off");

  await terminal.press("Control+Shift+ArrowLeft", "Control+Shift+X");
  await terminal.page.getByTestId("close-dialog").waitFor();
  await terminal.press("Enter");
  await until("a tab less", async () => (await terminal.tabs()).length === PROJECT_SESSIONS);
  assert.equal((await terminal.activeTab()).banner, "failed", "the next tab is in front");
  await until("a free place", async () => {
    if ((await terminal.activeTab()).banner === "failed") await terminal.press("Enter");
    return (await terminal.activeTab()).phase === "live";
  });
  await terminal.prompt();
}, { complaints: /status of 429/ });

scenario("a viewer is told that they may start no shell", async (stage) => {
  const terminal = await stage.visitor();
  const token = stage.dev.token("--user", "eve", "--role", "viewer");
  await terminal.open(`${stage.dev.origin}/#token=${token}`);
  await terminal.banner(/No shell could be started\. This is not allowed\./);
}, { complaints: /status of 403/ });

scenario("shells that ended with the server are said to be gone, and Enter gives a new one", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const before = await terminal.activeTab();
  await stage.dev.stop();
  await terminal.statusIs("disconnected", "connecting");
  await stage.dev.startAgain();
  await terminal.banner(/This session is gone/);
  await terminal.press("Enter");
  await terminal.prompt();
  assert.notEqual((await terminal.activeTab()).sessionId, before.sessionId);
  assert.equal((await terminal.tabs()).length, 1);
}, { complaints: SERVER_AWAY });
