/** A page that is reloaded shows what it showed, and goes on. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("a reload in the middle of vim goes on in the same vim", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.run("vim notes.txt");
  await terminal.shows(/"notes\.txt" \[New\]/);
  await terminal.type("iwritten before");
  await terminal.shows(/^written before$[^]*-- INSERT --/m);
  const before = await terminal.activeTab();

  await terminal.reload();
  const after = await until("the session to be attached", async () => {
    const tab = await terminal.activeTab();
    return tab?.phase === "live" ? tab : undefined;
  });
  assert.equal(after.sessionId, before.sessionId);
  assert.equal((await terminal.tabs()).length, 1);
  assert.equal(after.driver, "me", "the reloaded page still drives");

  // Still inserting: the first key goes on where the last one was.
  await terminal.type(", and after");
  await terminal.press("Escape");
  await terminal.press("Control+l");
  await terminal.shows(/^written before, and after$/m);
  await terminal.shows(/^~ *$/m);
  await terminal.run(":wq");
  await terminal.prompt();
  assert.equal(stage.dev.file("notes.txt"), "written before, and after\n");
});

scenario("what scrolled by before a reload is there, and its questions are not answered again", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command("seq 1 200");
  // Asks where the cursor is, and what the terminal is; the answers are typed by the terminal.
  await terminal.command(String.raw`read -rsd R -p $'\e[6n' a; read -rsd c -p $'\e[c' b; echo asked-$((1 + 1))`);

  await terminal.reload();
  await terminal.shows(/^asked-2$/m);
  assert.match(await terminal.buffer(), /^1\n2\n3\n[^]*\n199\n200$/m);
  // A second answer would stand in front of this.
  await terminal.run("echo clean-$((1 + 1))");
  await terminal.shows(/^asked-2\ndemo\$ echo clean-\$\(\(1 \+ 1\)\)\nclean-2\ndemo\$/m);
});
