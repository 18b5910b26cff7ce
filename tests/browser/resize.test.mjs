/** The terminal fills the window, and programs know its size. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("stty says the size of the window, whichever it is made", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const before = await size(terminal);
  assert.equal(await terminal.output("stty size"), before);
  for (const [width, height] of [[900, 500], [1400, 900]]) {
    await terminal.page.setViewportSize({ width, height });
    // The new size is on its way while the page shows it already.
    const followed = async () => (await terminal.output("stty size")) === (await size(terminal));
    await until("stty to say the new size", async () => (await size(terminal)) !== before && followed());
  }
  const [rows, cols] = (await size(terminal)).split(" ");
  assert.equal(await terminal.page.getByTestId("size").innerText(), `${cols}×${rows}`);
});

scenario("a running program is told of a new size", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.run(`bash -c 'trap "stty size" WINCH; echo trap-$((1 + 1)); while sleep 0.05; do :; done'`);
  await terminal.shows(/^trap-2$/m);
  const before = await size(terminal);
  await terminal.page.setViewportSize({ width: 800, height: 480 });
  await until("another size", async () => (await size(terminal)) !== before);
  await terminal.shows(new RegExp(`^${await size(terminal)}$`, "m"));
  await terminal.press("Control+c");
  await terminal.prompt();
});

scenario("a window that only becomes lower or taller shows what the server's terminal shows", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command("seq 1 700");
  const { cols } = await terminal.activeTab();
  const shown = async () => (await terminal.screen()).trimEnd();
  for (const height of [500, 900, 600, 1000]) {
    const before = await size(terminal);
    await terminal.page.setViewportSize({ width: 1280, height });
    const resized = async () => (await size(terminal)) !== before;
    await until("another size", resized);
    await until("the same screen", async () => (await shown()) === (await served(stage, terminal)), {
      seen: async () => `${await shown()}\n--- the server's ---\n${await served(stage, terminal)}`,
    });
    assert.equal((await terminal.activeTab()).cols, cols, "the rows alone changed");
  }
});

scenario("what has scrolled away outlasts new sizes, in any width", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command("for i in {1..3000}; do echo \"<$i> $(printf 'x%.0s' {1..60})\"; done");
  const shown = async () => (await terminal.screen()).trimEnd();
  const numbers = async () => {
    const found = (await terminal.buffer()).matchAll(/<(\d+)>/g);
    return Array.from(found, ([, number]) => Number(number));
  };
  const all = Array.from({ length: 3000 }, (_, at) => at + 1);
  assert.deepEqual(await numbers(), all);
  for (const [width, height] of [[1280, 500], [900, 700], [460, 700], [420, 500], [1280, 900]]) {
    const before = await size(terminal);
    await terminal.page.setViewportSize({ width, height });
    await until("another size", async () => (await size(terminal)) !== before);
    // A quarter of a second after that it is drawn anew.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await until("the same screen", async () => (await shown()) === (await served(stage, terminal)), {
      seen: async () => `${await shown()}\n--- the server's ---\n${await served(stage, terminal)}`,
    });
    assert.deepEqual(await numbers(), all, `${width}x${height}`);
  }
});

/** What the server's terminal shows of the session in the active tab. */
async function served(stage, terminal) {
  const { sessionId } = await terminal.activeTab();
  const headers = { authorization: `Bearer ${stage.dev.ready.token}` };
  const url = `${stage.dev.origin}/api/terminal/sessions/${sessionId}/screen`;
  const answer = await fetch(url, { headers });
  assert.equal(answer.status, 200);
  return (await answer.text()).trimEnd();
}

/** As `stty size` writes it. */
async function size(terminal) {
  const { rows, cols } = await terminal.activeTab();
  return `${rows} ${cols}`;
}
