/** Two browsers in one project: what one does to the tabs, the other sees at once. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("tabs that are made, named and closed elsewhere come, change and go here", async (stage) => {
  const first = await stage.visitor();
  await first.open(stage.dev.url);
  await first.prompt();
  const second = await stage.visitor();
  await second.open(stage.dev.url);
  await labels(second, ["Terminal 1"]);

  await first.press("Control+Shift+Enter");
  await first.prompt();
  await labels(second, ["Terminal 1", "Terminal 2"]);
  assert.equal((await second.activeTab()).label, "Terminal 1", "nobody is moved by it");

  await first.press("Control+Shift+E");
  await first.page.getByTestId("tab-name-field").waitFor();
  await first.type("build");
  await first.press("Enter");
  await labels(second, ["Terminal 1", "build"]);

  await second.press("Control+Shift+ArrowRight");
  await second.driverIs("other");
  await first.press("Control+Shift+X");
  await first.page.getByTestId("close-dialog").waitFor();
  await first.press("Enter");
  await labels(second, ["Terminal 1"]);
  await second.page.getByText("“build” was closed elsewhere.").waitFor();
  assert.ok((await second.activeTab()).active, "the next tab is in front");

  // A shell that ends by itself stays, with what it has to say, for both.
  await first.run("exit 3");
  await first.banner(/exit code 3/);
  await second.banner(/exit code 3/);
  assert.equal((await second.tabs()).length, 1);
});

async function labels(terminal, wanted) {
  await until(
    `the tabs ${wanted}`,
    async () => JSON.stringify((await terminal.tabs()).map((tab) => tab.label)) === JSON.stringify(wanted),
    { seen: async () => JSON.stringify(await terminal.tabs()) },
  );
}
