/** A shell that ends says how, and Enter brings another one. */
import assert from "node:assert/strict";
import { isAlive } from "./support/dev.mjs";
import { scenario } from "./support.mjs";

scenario("after exit the tab shows the code, and Enter gives a new shell", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const pid = Number(await terminal.output("echo $$"));
  const before = await terminal.activeTab();
  await terminal.run("exit 3");
  await terminal.banner(/The shell ended with exit code 3\./);
  assert.deepEqual((await terminal.activeTab()).exit, { exitCode: 3 });
  assert.ok(!isAlive(pid));

  await terminal.press("Enter");
  await terminal.prompt();
  assert.notEqual(Number(await terminal.output("echo $$")), pid);
  assert.notEqual((await terminal.activeTab()).sessionId, before.sessionId);
  assert.equal((await terminal.activeTab()).banner, undefined);
});

scenario("a shell that was killed is said to be", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.run("kill -9 $$");
  await terminal.banner(/The shell was ended by SIGKILL\./);
  await terminal.press("Enter");
  await terminal.prompt();
});
