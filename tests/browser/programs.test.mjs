/** Full-screen programs run as on any terminal. */
import assert from "node:assert/strict";
import { PROMPT } from "./support/dev.mjs";
import { scenario } from "./support.mjs";

scenario("vim edits a file and saves it", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.run("vim notes.txt");
  await terminal.shows(/"notes\.txt" \[New\]/);
  await terminal.type("ifirst line");
  await terminal.press("Enter");
  await terminal.type("zweite Zeile: äöü ✓");
  await terminal.press("Escape");
  await terminal.shows(/^zweite Zeile: äöü ✓$/m);
  await terminal.run(":wq");
  await terminal.prompt();
  assert.equal(stage.dev.file("notes.txt"), "first line\nzweite Zeile: äöü ✓\n");
});

scenario("htop draws itself, answers keys, and leaves the screen as it was", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command("echo before-$((1 + 1))");
  const before = await terminal.screen();
  await terminal.run("htop");
  await terminal.shows(/Load average:/);
  await terminal.shows(/F1Help .*F10Quit/);
  await terminal.press("F1");
  await terminal.shows(/htop .* - \(C\)/);
  await terminal.press("Escape");
  await terminal.shows(/F1Help .*F10Quit/);
  await terminal.press("F10");
  await terminal.prompt();
  const after = await terminal.screen();
  assert.equal(after.trimEnd(), `${before.trimEnd()} htop\n${PROMPT}`);
});

scenario("a character takes as many cells as the server counts", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  // Where the cursor is after it, as the terminal itself says.
  const ask = String.raw`where() { IFS='[;' read -rs -d R -p $'\r'"$1"$'\e[6n' _ _ column; echo; echo "$column"; }`;
  await terminal.command(ask);
  for (const [text, column] of [["✅", 3], ["e\u0301", 2], ["漢字", 5], ["👩\u200d💻", 5]]) {
    assert.equal(await terminal.output(`where ${text}`), `${text}\n${column}`);
  }
});
