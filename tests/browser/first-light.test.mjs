/** A newcomer opens the printed URL and works: no click, no sign-in, no trace of the token. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";

scenario("the printed URL opens a shell that takes keys without a click", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.run("echo first-$((40 + 2))-light");
  await terminal.shows(/^first-42-light$/m);
  await terminal.prompt();
  await terminal.statusIs("connected");
});

scenario("the token leaves the address bar", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const { page } = terminal;
  assert.equal(page.url(), `${stage.dev.origin}/`);
  const { token } = stage.dev.ready;
  const shown = await page.content();
  assert.ok(token.length > 20 && !shown.includes(token), "the token is nowhere on the page");
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage })), "{}");
});

scenario("shells start where the server was started", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  assert.equal(await terminal.output("pwd | tail -c 30"), stage.dev.work.slice(-29));
  assert.equal(await terminal.output('echo "$SHELL $TERM"'), "/bin/bash xterm-256color");
});
