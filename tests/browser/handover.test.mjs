/** A gateway goes away while somebody reads and types: the page is on the next one before it is gone. */
import assert from "node:assert/strict";
import { Balancer } from "./support/balancer.mjs";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

const ROWS = 300;
const TEXT = "the quick brown fox jumps over the lazy dog. ".repeat(6).trim();

scenario("servers that drain are left without a pause: no output and no key is lost or doubled", async (stage) => {
  const balancer = await new Balancer(stage.dev.origin).start();
  try {
    const terminal = await stage.visitor();
    await terminal.open(`${balancer.origin}/#token=${stage.dev.ready.token}`);
    await terminal.prompt();
    const pid = await terminal.output("echo $$");
    await terminal.press("Control+Shift+Enter");
    await terminal.prompt();
    assert.equal(balancer.opened, 1, "both sessions are on one socket");
    await watchStatus(terminal.page);

    await terminal.run(`for i in $(seq ${ROWS}); do echo row-$i; sleep 0.01; done; echo all-$((1 + 1))`);
    await terminal.shows(/^row-\d+$/m);
    for (let drains = 0; drains < 3; drains += 1) {
      assert.deepEqual(await balancer.drain(), [1000], "the old socket is closed on purpose");
    }
    await terminal.shows(/^all-2$/m);
    const rows = (await terminal.buffer()).match(/^row-\d+$/gm);
    assert.deepEqual(rows, Array.from({ length: ROWS }, (_, at) => `row-${at + 1}`));

    await terminal.run("echo ready-$((1 + 1)); cat > typed.txt");
    await terminal.shows(/^ready-2$/m);
    const typing = terminal.page.keyboard.type(TEXT, { delay: 5 });
    for (let drains = 0; drains < 3; drains += 1) await balancer.drain();
    await typing;
    await terminal.press("Enter");
    await until("the line in the file", () => stage.dev.file("typed.txt")?.endsWith("\n"));
    assert.equal(stage.dev.file("typed.txt"), `${TEXT}\n`);

    assert.equal(balancer.opened, 7);
    assert.deepEqual(await statuses(terminal.page), ["connected"], "nobody was told of a break");
    await terminal.press("Control+d", "Control+Shift+ArrowLeft");
    assert.equal(await terminal.output("echo $$"), pid, "the other session came along");
  } finally {
    await balancer.stop();
  }
});

/** Remembers every status that the page shows from now on. */
async function watchStatus(page) {
  await page.evaluate(() => {
    const status = document.querySelector('[data-testid="connection-status"]');
    const seen = new Set([status.dataset.state]);
    new MutationObserver(() => seen.add(status.dataset.state)).observe(status, { attributes: true });
    window.seenStatuses = seen;
  });
}

async function statuses(page) {
  return await page.evaluate(() => [...window.seenStatuses]);
}
