/** A cluster behind one address: browsers on different gateways, and a gateway that dies under one. */
import assert from "node:assert/strict";
import { scenario, SERVER_AWAY } from "./support.mjs";
import { Cluster } from "./support/cluster.mjs";
import { until } from "./support/wait.mjs";

/** A page is back within 2 s of its gateway's death; three times that is waited. */
const BACK_MS = 6_000;

scenario(
  "two browsers on two gateways see one terminal, each other's tabs and what the other looks at",
  async (stage) => {
    const cluster = stage.dev;
    const first = await stage.visitor();
    await first.open(cluster.urlAt(1));
    await first.prompt();
    const second = await stage.visitor();
    await second.open(cluster.urlAt(2));
    await second.driverIs("other");
    assert.equal((await second.activeTab()).sessionId, (await first.activeTab()).sessionId);

    await first.run("echo across-$((40 + 2))");
    await first.shows(/^across-42$/m);
    await second.shows(/^across-42$/m);
    await second.press("Enter");
    await second.driverIs("me");
    await first.driverIs("other");
    await second.run("echo and-back-$((40 + 2))");
    await first.shows(/^and-back-42$/m);

    await first.press("Control+Shift+Enter");
    await first.prompt();
    await until("the new tab at the other gateway", async () => (await second.tabs()).length === 2);
    await focusIs([true, true], first, second);
    await first.press("Control+Shift+ArrowLeft");
    await focusIs([true, false], first, second);
  },
  { server: Cluster },
);

scenario(
  "after kill -9 of the gateway in use the page is back on the same shell, and nothing is lost",
  async (stage) => {
    const cluster = stage.dev;
    const terminal = await stage.visitor();
    await terminal.open(cluster.url);
    await terminal.prompt();
    const pid = await terminal.output("echo $$");
    await terminal.run("i=0; while [ $i -lt 400 ]; do i=$((i + 1)); echo n-$i-; sleep 0.01; done");
    await terminal.shows(/^n-20-$/m);
    const gateway = await cluster.gatewayInUse();
    cluster.kill(`gateway-${gateway}`);
    // The page may be back before anybody sees that it was away.
    await until("the page to be on another gateway", async () => {
      return (await cluster.gatewayInUse()) !== gateway && (await terminal.status()) === "connected";
    }, { deadlineMs: BACK_MS });
    await terminal.shows(/^n-400-$/m);
    await terminal.prompt();
    const numbers = [...(await terminal.buffer()).matchAll(/^n-(\d+)-$/gm)].map((match) => Number(match[1]));
    assert.deepEqual(numbers, [...Array(400).keys()].map((at) => at + 1), "each number once, in order");
    assert.equal(await terminal.output("echo $$"), pid);
  },
  { server: Cluster, complaints: SERVER_AWAY },
);

/** Waits until all of them know which tabs are looked at by somebody. */
async function focusIs(wanted, ...visitors) {
  for (const terminal of visitors) {
    const focused = async () => (await terminal.tabs()).map((tab) => tab.focused);
    await until(`the focus to be ${wanted}`, async () => `${await focused()}` === `${wanted}`, { seen: focused });
  }
}
