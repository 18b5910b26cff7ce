/** Tabs, by keyboard alone. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("tabs are made, named, walked through and closed by keyboard alone", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const first = Number(await terminal.output("echo $$"));

  await terminal.press("Control+Shift+Enter");
  await tabsAre(terminal, 2);
  await terminal.prompt();
  const second = Number(await terminal.output("echo $$"));
  assert.notEqual(second, first, "each tab has a shell of its own");

  await terminal.press("Control+Shift+E");
  await terminal.page.getByTestId("tab-name-field").waitFor();
  await terminal.type("build");
  await terminal.press("Enter");
  await until("the name", async () => (await terminal.activeTab()).label === "build");
  // The name and its Enter are for the tab alone.
  await terminal.run("echo next-$((1 + 1))");
  await terminal.shows(new RegExp(`^${second}\\ndemo\\$ echo next-.*\\nnext-2$`, "m"));

  await terminal.press("Control+Shift+ArrowLeft");
  assert.equal(Number(await terminal.output("echo $$")), first);
  await terminal.press("Control+Shift+ArrowRight");
  await terminal.press("Control+Shift+X");
  await terminal.page.getByTestId("close-dialog").waitFor();
  await terminal.press("Enter");
  await tabsAre(terminal, 1);
  assert.equal(Number(await terminal.output("echo $$")), first, "the other tab has the cursor");
});

scenario("a reload brings the tabs back with their names, and the one in front", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.run("echo in-the-$((3 - 2))st");
  await terminal.shows(/^in-the-1st$/m);
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  await terminal.press("Control+Shift+E");
  await terminal.page.getByTestId("tab-name-field").waitFor();
  await terminal.type("second");
  await terminal.press("Enter");
  await until("the name", async () => (await terminal.activeTab()).label === "second");
  await terminal.run("echo in-the-$((3 - 1))nd");
  await terminal.shows(/^in-the-2nd$/m);
  const facts = ({ sessionId, label, active }) => ({ sessionId, label, active });
  const before = (await terminal.tabs()).map(facts);

  await terminal.reload();
  await terminal.shows(/^in-the-2nd$/m);
  assert.deepEqual((await terminal.tabs()).map(facts), before);
  await terminal.press("Control+Shift+ArrowLeft");
  await terminal.shows(/^in-the-1st$/m);
});

async function tabsAre(terminal, count) {
  await until(`${count} tabs`, async () => (await terminal.tabs()).length === count);
}
