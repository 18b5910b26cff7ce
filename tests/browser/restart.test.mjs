/** The server is killed without warning and started again: the shells never notice. */
import assert from "node:assert/strict";
import { isAlive } from "./support/dev.mjs";
import { scenario, SERVER_AWAY } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario(
  "after kill -9 the page comes back by itself to the same vim, and nothing types itself",
  async (stage) => {
    const { dev } = stage;
    const terminal = await stage.visitor();
    await terminal.open(dev.url);
    await terminal.prompt();
    const pid = Number(await terminal.output("echo $$"));
    await terminal.run("vim notes.txt");
    await terminal.shows(/"notes\.txt" \[New\]/);
    await terminal.type("iwritten before");
    await terminal.press("Escape");
    await terminal.type(":set ruler number");
    await terminal.press("Enter");
    await terminal.shows(/^ +1 written before$/m);
    const before = await drawn(terminal, 1);

    await dev.kill();
    await terminal.statusIs("disconnected", "connecting");
    assert.ok(isAlive(pid), "the shell outlives the server");
    await dev.startAgain();
    await terminal.statusIs("connected");
    await live(terminal);

    await terminal.press("Control+l");
    assert.equal(await drawn(terminal, 2), before, "the same screen after a redraw");
    await terminal.type("owritten after");
    await terminal.press("Escape");
    await terminal.run(":wq");
    await terminal.prompt();
    assert.equal(dev.file("notes.txt"), "written before\nwritten after\n");
    assert.equal(Number(await terminal.output("echo $$")), pid);
    await terminal.run("history -w history.txt");
    const history = await until("the history", () => dev.file("history.txt"));
    const typed = ["echo $$", "vim notes.txt", "echo $$", "history -w history.txt"];
    assert.deepEqual(history.trimEnd().split("\n"), typed);
  },
  { complaints: SERVER_AWAY },
);

scenario(
  "what is typed while the server is away arrives once",
  async (stage) => {
    const { dev } = stage;
    const terminal = await stage.visitor();
    await terminal.open(dev.url);
    await terminal.prompt();
    // What is typed before bash has left its line editor would be lost, as on any terminal.
    await terminal.run("echo wait-$((1 + 1)); cat > typed.txt");
    await terminal.shows(/^wait-2$/m);
    await terminal.run("before");
    await until("the line in the file", () => dev.file("typed.txt") === "before\n");
    await dev.kill();
    await terminal.statusIs("disconnected", "connecting");
    await terminal.run("meanwhile");
    await dev.startAgain();
    await terminal.statusIs("connected");
    await terminal.run("after");
    await terminal.press("Control+d");
    await terminal.prompt();
    assert.equal(dev.file("typed.txt"), "before\nmeanwhile\nafter\n");
  },
  { complaints: SERVER_AWAY },
);

scenario(
  "the connection's status is on the page all the time",
  async (stage) => {
    const terminal = await stage.visitor();
    await terminal.open(stage.dev.url);
    await terminal.statusIs("connected");
    const words = terminal.page.getByTestId("connection-status").getByRole("status");
    assert.equal(await words.innerText(), "Connected");
    await stage.dev.kill();
    await terminal.statusIs("disconnected");
    assert.match(await words.innerText(), /^(Disconnected|Connecting)$/);
    await stage.dev.startAgain();
    await terminal.statusIs("connected");
    assert.equal(await words.innerText(), "Connected");
  },
  { complaints: SERVER_AWAY },
);

/** What vim has on all lines but the last, where it says that it has drawn everything. */
async function drawn(terminal, time) {
  await terminal.run(`:echo "drawn ${time}"`);
  await terminal.shows(new RegExp(`^drawn ${time}`, "m"));
  return (await terminal.screen()).split("\n").slice(0, -1).join("\n");
}

/** Waits until the session is attached again. */
async function live(terminal) {
  await until("the session to be attached", async () => (await terminal.activeTab())?.phase === "live");
}
