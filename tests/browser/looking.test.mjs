/** What the page tells of who looks at a terminal, what is said while nobody does, and a fresh look. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("a tab that rings while nobody looks says so until somebody does", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.run("printf '\\a'; until [ -e ring ]; do sleep 0.05; done; printf '\\a'");
  const first = (await terminal.activeTab()).key;
  const attention = async (key) => (await terminal.tabs()).find((tab) => tab.key === key).attention;
  assert.equal(await attention(first), false, "whoever looks has heard it");

  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  await terminal.command("touch ring");
  await until("the bell", () => attention(first));
  const tab = terminal.page.locator(`#${first}`);
  assert.match(await tab.innerText(), /wants you/);
  await terminal.press("Control+Shift+ArrowLeft");
  await until("the bell to be forgotten", async () => !(await attention(first)));
  assert.doesNotMatch(await tab.innerText(), /wants you/);
});

scenario("a tab in which a program asks something while nobody looks says so", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.run("bash -c 'until [ -e ask ]; do sleep 0.05; done; read -p sure? x'");
  const first = (await terminal.activeTab()).key;
  const attention = async (key) => (await terminal.tabs()).find((tab) => tab.key === key).attention;
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  await terminal.command("touch ask");
  await until("the question", () => attention(first));
});

scenario("the server is told which terminals are on the screen", async (stage) => {
  const terminal = await stage.visitor();
  const said = sentMessages(terminal.page);
  const heard = heardMessages(terminal.page);
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const attached = said.filter(({ type }) => type === "attach");
  assert.deepEqual(attached.map(({ tier }) => tier), ["auto"]);
  const views = () => said.filter(({ type }) => type === "view").map(({ channel, visible }) => [channel, visible]);
  await until("the first to be seen", () => views().length === 1);
  const [[first, seen]] = views();
  assert.equal(seen, true);

  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  if (!watchesScreens(heard)) return assert.ok(views().every(([, visible]) => visible));
  await until("both to be told", () => views().some(([, visible]) => !visible));
  assert.deepEqual(views().find(([, visible]) => !visible), [first, false]);
  // Beside each other both are seen.
  await terminal.press("Control+Shift+G");
  await until("both to be seen", () => views().at(-1)[1] && views().at(-1)[0] === first);
});

scenario("a terminal that nobody looks at is sent no output, and has all of it once somebody does", async (stage) => {
  const terminal = await stage.visitor();
  const heard = heardMessages(terminal.page);
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  const { key } = await terminal.activeTab();
  const one = async () => (await terminal.tabs()).find((tab) => tab.key === key);
  const tierIs = (tier) =>
    until(`the tier ${tier}`, async () => (await one()).tier === tier, { seen: async () => (await one()).tier });
  await tierIs("live");
  await terminal.run("until [ -e go ]; do sleep 0.05; done; seq 1 300; echo all-$((1 + 1))");

  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  // Of a server that does not tell of bells and titles by itself, some output is wanted.
  const watches = watchesScreens(heard);
  await tierIs(watches ? "events" : "preview");
  const before = await terminal.buffer(key);
  await terminal.command("touch go; sleep 0.5");
  if (watches) assert.equal(await terminal.buffer(key), before, "nothing was drawn meanwhile");
  await terminal.press("Control+Shift+ArrowLeft");
  await tierIs("live");
  await terminal.shows(/^300\nall-2$/m);
  const lines = (await terminal.buffer(key)).split("\n");
  const numbers = lines.map((line) => line.trim()).filter((line) => /^\d+$/.test(line));
  assert.deepEqual(numbers, Array.from({ length: 300 }, (_, at) => String(at + 1)));
});

scenario("a terminal is drawn anew on request, as it was, and goes on", async (stage) => {
  const terminal = await stage.visitor();
  const said = sentMessages(terminal.page);
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.command("printf '\\e[31mred\\e[0m ✅ and plain\\n'");
  const before = await terminal.screen();
  const syncs = () => said.filter(({ type }) => type === "sync").length;
  await terminal.page.getByTestId("refresh").click();
  await terminal.press("Control+Shift+L");
  await until("two requests", () => syncs() === 2);
  await until("the same screen", async () => (await terminal.screen()) === before, {
    seen: () => terminal.screen(),
  });
  await terminal.command("echo goes-$((1 + 1))n");
  await terminal.shows(/^goes-2n$/m);
});

/** Every message that the page sends, as it comes. */
function sentMessages(page) {
  const said = [];
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      if (typeof payload === "string") said.push(JSON.parse(payload));
    });
  });
  return said;
}

/** Every message that the page is sent, as it comes. */
function heardMessages(page) {
  const heard = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      if (typeof payload === "string") heard.push(JSON.parse(payload));
    });
  });
  return heard;
}

/** Does the server say itself what happens on screens that it does not send? */
function watchesScreens(heard) {
  return heard.find(({ type }) => type === "welcome").answersQueries === true;
}
