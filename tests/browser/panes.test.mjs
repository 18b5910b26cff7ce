/** Several terminals at once: each at its own size, the cursor where one clicks, kept over a reload. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("one key shows two, then four terminals, each a shell of its own size", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const [whole] = await terminal.tabs();
  for (const name of ["b", "c"]) {
    await terminal.press("Control+Shift+Enter");
    await terminal.prompt();
    await terminal.type(`echo tab-${name}`);
  }
  await terminal.press("Control+Shift+ArrowRight");
  assert.deepEqual(await shown(terminal), [true, false, false]);

  await terminal.press("Control+Shift+G");
  await until("the first two", async () => same(await shown(terminal), [true, true, false]));
  const half = await sized(terminal, ([a, b]) => a.cols < whole.cols * 0.6 && b.cols === a.cols);
  assert.equal(half[0].rows, whole.rows);
  const told = async () => (await terminal.output("tput cols")) === String(half[0].cols);
  await until("the shell to know its size", told, { seen: () => terminal.screen() });

  await terminal.press("Control+Shift+G");
  await until("all three", async () => same(await shown(terminal), [true, true, true]));
  const three = await sized(terminal, ([a, , c]) => a.rows < whole.rows * 0.6 && c.rows === a.rows);
  assert.ok(three[2].cols > three[0].cols * 1.8, "the third one has the whole lower half");

  // A click puts the cursor there, and with it the tab.
  await terminal.page.getByTestId("terminal").nth(1).click();
  await until("the second tab", async () => (await terminal.tabs())[1].active);
  await terminal.press("Enter");
  await terminal.shows(/^tab-b$/m);

  await terminal.reload();
  assert.deepEqual(await shown(terminal), [true, true, true], "a reload keeps the layout");
  assert.ok((await terminal.tabs())[1].active);
  await terminal.press("Control+Shift+G");
  await until("one again", async () => same(await shown(terminal), [false, true, false]));
});

scenario("what is shown is told to everybody: pressed buttons, panels in reach, hidden ones not", async (stage) => {
  const terminal = await stage.visitor();
  const { page } = terminal;
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  const switches = page.getByRole("group", { name: "Terminals at once" });
  const pressed = () => switches.getByRole("button", { pressed: true }).getAttribute("aria-label");
  assert.equal(await pressed(), "One terminal");
  assert.equal(await page.getByRole("tabpanel").count(), 1);
  await switches.getByRole("button", { name: "Two terminals" }).click();
  assert.equal(await pressed(), "Two terminals");
  assert.equal(await page.getByRole("tabpanel").count(), 2);
  const typing = () => document.activeElement?.classList.contains("xterm-helper-textarea");
  assert.ok(await page.evaluate(typing), "the cursor is back in the terminal");
});

async function shown(terminal) {
  return (await terminal.tabs()).map((tab) => tab.shown);
}

/** The tabs once their sizes are as awaited. */
async function sized(terminal, holds) {
  return await until(
    "the sizes",
    async () => {
      const tabs = await terminal.tabs();
      return holds(tabs) ? tabs : undefined;
    },
    { seen: async () => JSON.stringify((await terminal.tabs()).map(({ cols, rows }) => [cols, rows])) },
  );
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
