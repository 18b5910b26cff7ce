/** Two people at one terminal: one types, the other watches, until they take over. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";

scenario("a second window watches, takes over with one key, and the first one says so", async (stage) => {
  const first = await stage.visitor();
  await first.open(stage.dev.url);
  await first.prompt();
  await first.run("echo from-the-$((3 - 2))st");
  await first.shows(/^from-the-1st$/m);

  const second = await stage.visitor();
  await second.open(stage.dev.url);
  await second.driverIs("other");
  await second.shows(/^from-the-1st$/m);
  await second.banner(/Another window is typing in this terminal; you are watching/);
  assert.equal((await second.activeTab()).sessionId, (await first.activeTab()).sessionId);
  assert.equal((await first.activeTab()).driver, "me");
  await second.type("lost");

  await second.press("Enter");
  await second.driverIs("me");
  await first.driverIs("other");
  await first.banner(/Another window is typing/);
  await second.run("echo from-the-$((3 - 1))nd");
  await second.shows(/^from-the-2nd$/m);
  await first.shows(/^from-the-2nd$/m);
  assert.doesNotMatch(await second.screen(), /lost/, "what a watcher types is not taken");

  await first.press("Enter");
  await first.driverIs("me");
  await second.driverIs("other");
  await first.run("echo back-in-the-$((3 - 2))st");
  await second.shows(/^back-in-the-1st$/m);
});
