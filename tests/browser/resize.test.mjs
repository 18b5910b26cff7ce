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
  const terminal = await numbered(stage, 3000);
  for (const [width, height] of [[1280, 500], [900, 700], [460, 700], [420, 500], [1280, 900]]) {
    await resized(stage, terminal, { width, height });
    assert.deepEqual(await numbers(terminal), upTo(3000), `${width}x${height}`);
  }
});

scenario("where two terminals would not agree on what is above the screen, the server's is drawn", async (stage) => {
  const terminal = await numbered(stage, 300);
  // The cursor is far from the last row, and the lines above it change their number of rows.
  await terminal.run("printf '\\e[H\\e[2J'; for i in 301 302 303; do echo \"<$i> $(printf 'x%.0s' {1..60})\"; done");
  await terminal.shows(/<303>/);
  // What was on the screen is gone.
  const kept = await numbers(terminal);
  assert.deepEqual(kept, [...upTo(kept.length - 3), 301, 302, 303]);
  for (const [width, height] of [[460, 700], [1280, 500], [420, 400], [1280, 900]]) {
    await resized(stage, terminal, { width, height });
    await until("each line once", async () => `${await numbers(terminal)}` === `${kept}`, {
      seen: () => terminal.buffer(),
    });
  }
  await terminal.output("echo fine");
});

/** A visitor whose terminal has printed so many numbered lines that are wide. */
async function numbered(stage, count) {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command(`for i in {1..${count}}; do echo "<$i> $(printf 'x%.0s' {1..60})"; done`);
  assert.deepEqual(await numbers(terminal), upTo(count));
  return terminal;
}

/** The numbers of the lines that are there, on the screen or above it. */
async function numbers(terminal) {
  const found = (await terminal.buffer()).replaceAll("\n", "").matchAll(/<(\d+)> xx/g);
  return Array.from(found, ([, number]) => Number(number));
}

function upTo(count) {
  return Array.from({ length: count }, (_, at) => at + 1);
}

/** Gives the window a size and waits until the page shows what the server's terminal shows. */
async function resized(stage, terminal, viewport) {
  const before = await size(terminal);
  await terminal.page.setViewportSize(viewport);
  await until("another size", async () => (await size(terminal)) !== before);
  // A quarter of a second after that it is drawn anew.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const shown = async () => (await terminal.screen()).trimEnd();
  await until("the same screen", async () => (await shown()) === (await served(stage, terminal)), {
    seen: async () => `${await shown()}\n--- the server's ---\n${await served(stage, terminal)}`,
  });
}

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
