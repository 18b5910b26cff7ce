/** What somebody looks at, everybody in the project sees: one truth in every browser. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("what one browser looks at, the other sees at once, and nobody takes it away", async (stage) => {
  const first = await stage.visitor();
  await first.open(stage.dev.url);
  await first.prompt();
  await focusIs([true], first);
  await first.press("Control+Shift+Enter");
  await first.prompt();
  await focusIs([false, true], first);

  const second = await stage.visitor();
  await second.open(stage.dev.url);
  await second.prompt();
  assert.equal((await second.activeTab()).label, "Terminal 1");
  await focusIs([true, true], first, second);
  await second.page.getByRole("tab", { name: /^Terminal 2\b.*looked at$/ }).waitFor();

  await first.press("Control+Shift+ArrowLeft");
  await focusIs([true, false], first, second);
  const left = second.page.getByTestId("tab").nth(1);
  assert.doesNotMatch(await left.innerText(), /looked at/);

  // The first one still looks at what the second one leaves.
  await second.press("Control+Shift+ArrowRight");
  await focusIs([true, true], first, second);
  await second.reload();
  await focusIs([true, true], first, second);
});

scenario("four panes are focused together; a fifth takes one, and gives it back", async (stage) => {
  const first = await stage.visitor();
  await first.open(stage.dev.url);
  await first.prompt();
  for (let tabs = 1; tabs < 5; tabs += 1) {
    await first.press("Control+Shift+Enter");
    await first.prompt();
  }
  await first.press("Control+Shift+ArrowRight");
  await first.press("Control+Shift+G", "Control+Shift+G");
  await focusIs([true, true, true, true, false], first);

  const second = await stage.visitor();
  await second.open(stage.dev.url);
  await second.press("Control+Shift+ArrowLeft");
  await until("the fifth to have the focus, of four", async () => {
    const [one, other] = await Promise.all([first, second].map(focused));
    return one.at(-1) && one.filter(Boolean).length === 4 && `${one}` === `${other}`;
  });
  await second.press("Control+Shift+ArrowRight");
  await focusIs([true, true, true, true, false], first, second);
});

async function focused(terminal) {
  return (await terminal.tabs()).map((tab) => tab.focused);
}

async function focusIs(wanted, ...terminals) {
  for (const [at, terminal] of terminals.entries()) {
    await until(
      `browser ${at + 1} to see the focus as ${wanted}`,
      async () => `${await focused(terminal)}` === `${wanted}`,
      { seen: async () => `${await focused(terminal)}` },
    );
  }
}
