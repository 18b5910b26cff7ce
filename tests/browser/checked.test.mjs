/** A screen that is looked at is compared with the server's now and then, and is the same. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

/** They are compared every 40 s. */
const PATIENCE = { deadlineMs: 130_000 };

scenario("what a page shows is what the server's terminal shows", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command("seq 1 60");
  await terminal.command(String.raw`printf '\e[1;31mred\e[m ✅ e\u0301 한글 \e[7minverse\e[m\n'`);
  const checks = await until(
    "the comparison",
    async () => {
      const { checks } = await terminal.activeTab();
      return checks.same + checks.differs > 0 ? checks : undefined;
    },
    PATIENCE,
  );
  assert.equal(checks.differs, 0, `${await terminal.screen()}\n${JSON.stringify(checks)}`);
});
