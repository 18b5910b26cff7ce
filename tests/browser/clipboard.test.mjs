/** Copy and paste, by keyboard. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

const TEXT = "first line\n  second: $HOME `date` \"quoted\" 'single'\n\ttab, äöü ✓\nlast";

scenario("a multi-line paste is bracketed for a program that asks for it, byte by byte", async (stage) => {
  const terminal = await open(stage);
  await terminal.run(String.raw`printf '\e[?2004h'; echo wait-$((1 + 1)); cat > pasted.txt`);
  await terminal.shows(/^wait-2$/m);
  await paste(terminal, TEXT);
  await terminal.press("Enter", "Control+d");
  await terminal.prompt();
  assert.equal(stage.dev.file("pasted.txt"), `\x1b[200~${TEXT}\x1b[201~\n`);
});

scenario("a program that asks for no brackets gets the text alone", async (stage) => {
  const terminal = await open(stage);
  await terminal.run("echo wait-$((1 + 1)); cat > pasted.txt");
  await terminal.shows(/^wait-2$/m);
  await paste(terminal, TEXT);
  await terminal.press("Enter", "Control+d");
  await terminal.prompt();
  assert.equal(stage.dev.file("pasted.txt"), `${TEXT}\n`);
});

scenario("a multi-line paste at the prompt runs nothing before Enter", async (stage) => {
  const terminal = await open(stage);
  await paste(terminal, "touch one.txt\ntouch two.txt\n");
  await terminal.shows(/touch two\.txt/);
  assert.equal(stage.dev.file("one.txt"), undefined);
  await terminal.press("Enter");
  await until("both commands", () => stage.dev.file("two.txt") !== undefined);
  assert.equal(stage.dev.file("one.txt"), "");
});

scenario("a paste of 200 KB arrives whole", async (stage) => {
  const terminal = await open(stage);
  const lines = Array.from({ length: 4_000 }, (_, at) => `line ${at} ${"x".repeat(40)}`);
  const text = lines.join("\n");
  assert.ok(text.length > 200_000);
  await terminal.run("echo wait-$((1 + 1)); cat > pasted.txt");
  await terminal.shows(/^wait-2$/m);
  await paste(terminal, text);
  await terminal.press("Enter", "Control+d");
  await terminal.prompt();
  assert.equal(stage.dev.file("pasted.txt"), `${text}\n`);
});

scenario("what is selected can be copied", async (stage) => {
  const terminal = await open(stage);
  const { page } = terminal;
  await terminal.run("clear; echo copy-$((40 + 2))-me");
  await terminal.shows(/^copy-42-me$/m);
  const at = (await terminal.screen()).split("\n").indexOf("copy-42-me");
  const row = await page.locator(".xterm-rows > div").nth(at).boundingBox();
  await page.mouse.dblclick(row.x + 20, row.y + row.height / 2);
  await terminal.press("Control+Shift+C");
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await until("the text on the clipboard", async () => (await copied()) === "copy-42-me", { seen: copied });
  // It interrupts nothing and types nothing.
  await terminal.run("echo still-$((40 + 2))");
  await terminal.shows(/^still-42$/m);
});

async function open(stage) {
  const terminal = await stage.visitor({ permissions: ["clipboard-read", "clipboard-write"] });
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  return terminal;
}

/** Puts a text on the clipboard and pastes it as a user does. */
async function paste(terminal, text) {
  await terminal.page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await terminal.press("Control+Shift+V");
}
