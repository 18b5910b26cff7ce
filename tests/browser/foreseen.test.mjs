/**
 * Echoes that are foreseen over a long way: shown at once, taken back if they were wrong, and never a
 * character of a password. Real shells and programs, driven by the client package without a page.
 */
import assert from "node:assert/strict";
import { PROMPT } from "./support/dev.mjs";
import { SlowWay } from "./support/slow.mjs";
import { Typist } from "./support/typist.mjs";
import { until } from "./support/wait.mjs";
import { scenario } from "./support.mjs";

/** One way; there and back it is more than twice what anybody would call fast. */
const WAY_MS = 40;
/** What is drawn over the screen and is wrong may stand for one echo; this is far above it. */
const LONGEST_MS = 2_000;
/** No command, no prompt and no file here has one of these characters. */
const PASSWORD = "QZ7qWV9JX";
const ENTER = "\r";

/** A scenario with somebody far away, who has just seen an echo: keys are foreseen from here on. */
function far(name, body) {
  scenario(name, async (stage) => {
    const way = await new SlowWay(stage.dev.origin, WAY_MS).start();
    const typist = new Typist();
    try {
      await typist.open(way.origin, stage.dev.ready.token);
      await typist.shows(new RegExp(`${PROMPT.replace("$", "\\$")}$`));
      await typist.type("true", ENTER);
      await typist.shows(/true\ndemo\$$/);
      await body(typist, stage);
      await typist.settled();
      const longest = Math.max(0, ...typist.drawn.map(({ ms }) => ms));
      assert.ok(typist.overlays > 0, "keys were foreseen at all");
      assert.ok(longest < LONGEST_MS, `something stood over the screen for ${longest} ms`);
    } finally {
      typist.close();
      await way.stop();
    }
  });
}

/** Types a command line, and the password once it is asked for. */
async function secret(typist, command, length = PASSWORD.length) {
  await typist.type(command, ENTER);
  await typist.shows(/(Secret|Password):$/);
  await typist.type(PASSWORD, ENTER);
  await typist.shows(new RegExp(`^got ${length}$`, "m"));
  await typist.settled();
  unseen(typist);
}

function unseen(typist) {
  const leaked = typist.drawn.filter(({ text }) => text !== "" && PASSWORD.includes(text));
  assert.deepEqual(leaked, [], "no character of the password was ever drawn");
}

far("a line is seen before its echo comes, and is the shell's once it has come", async (typist) => {
  await typist.type("echo hello");
  const seen = typist.drawn.map(({ text }) => text).join("") + overlayText(typist);
  assert.match(seen, /hello$/, "seen before their echo");
  await typist.type("\x1b[D", "\x1b[D", "\x7f", "p", ENTER);
  await typist.shows(/^demo\$ echo heplo\nheplo\ndemo\$$/m);
  assert.ok(typist.screen.prediction.delay > 2 * WAY_MS - 5);
});

far("read -s", async (typist) => {
  await secret(typist, `read -rs -p 'Secret: ' x; echo; echo "got \${#x}"`);
});

far("a prompt as that of sudo: the terminal's echo is off", async (typist, { dev }) => {
  await typist.type(`stty -echo; printf 'Password: '; IFS= read -r x; stty echo; echo; echo "got \${#x}"`);
  await typist.type(ENTER);
  await typist.shows(/Password:$/);
  await typist.type(PASSWORD, "\x7f", "\x7f", "Q", ENTER);
  await typist.shows(new RegExp(`^got ${PASSWORD.length - 1}$`, "m"));
  unseen(typist);
  assert.ok(dev.log !== undefined);
});

far("getpass of Python", async (typist) => {
  await secret(typist, `python3 -c 'import getpass; print("got", len(getpass.getpass("Password: ")))'`);
});

far("a password with stars for its characters", async (typist) => {
  const stars = `x=; while IFS= read -rsn1 c && [ -n "$c" ]; do x+=$c; printf '*'; done`;
  await secret(typist, `printf 'Password: '; ${stars}; echo; echo "got \${#x}"`);
});

far("a password after a question that takes one key", async (typist) => {
  const ask = `read -rn1 -p 'really? '; echo; read -rs -p 'Password: ' x; echo; echo "got \${#x}"`;
  await typist.type(ask, ENTER);
  await typist.shows(/really\?$/);
  await typist.type("y");
  await typist.shows(/Password:$/);
  await typist.type(PASSWORD, ENTER);
  await typist.shows(new RegExp(`^got ${PASSWORD.length}$`, "m"));
  unseen(typist);
});

far("a password that is typed before it is asked for", async (typist) => {
  await typist.type("echo warm");
  typist.hurry(`${ENTER}read -rs -p 'Password: ' x; echo; echo "got \${#x}"${ENTER}${PASSWORD}${ENTER}`);
  await typist.shows(/^Password:/m);
  // What came before the question may have lost its Enter on the way from the line editor.
  await typist.type(ENTER);
  await typist.shows(/^got \d+$/m);
  await typist.shows(/demo\$$/);
  unseen(typist);
});

far("vim is left alone", async (typist, { dev }) => {
  await typist.type("vim -u NONE notes.txt", ENTER);
  await typist.shows(/^~ *\n~/m);
  await typist.settled();
  const before = typist.overlays;
  await typist.type("ihello there", ENTER, "second line", "\x1b");
  await typist.shows(/^hello there\nsecond line$/m);
  assert.equal(typist.overlays, before, "nothing was drawn over it");
  await typist.type(":wq", ENTER);
  await typist.shows(/demo\$$/);
  assert.equal(dev.file("notes.txt"), "hello there\nsecond line\n");
});

far("less is left alone, and without a screen of its own nothing wrong stays", async (typist) => {
  await typist.type("seq 1 200 > numbers; less numbers", ENTER);
  await typist.shows(/^23\n/m);
  await typist.settled();
  const before = typist.overlays;
  await typist.type("jjj", "/150", ENTER, "q");
  await typist.shows(/demo\$$/);
  assert.equal(typist.overlays, before, "nothing was drawn over it");
  await typist.type("less -X numbers", ENTER);
  await typist.shows(/^23\n/m);
  await typist.type("jjj", "/150", ENTER);
  await typist.shows(/^150$/m);
  await typist.type("q");
  await typist.shows(/demo\$$/);
});

far("completions, history and a search of it are the shell's", async (typist) => {
  await typist.type("touch a-file-with-a-name", ENTER);
  await typist.type("ls a-f\t", ENTER);
  await typist.shows(/^demo\$ ls a-file-with-a-name \na-file-with-a-name\ndemo\$$/m);
  await typist.type("\x1b[A", "\x7f\x7f", "me", ENTER);
  await typist.shows(/^demo\$ ls a-file-with-a-name ?\na-file/m);
  await typist.type("\x12", "touch", "\x03");
  await until("a prompt", () => /demo\$$/.test(typist.text), { seen: () => typist.text });
});

scenario("on the page a key is seen before its echo, and then the echo alone", async (stage) => {
  const way = await new SlowWay(stage.dev.origin, WAY_MS).start();
  try {
    const terminal = await stage.visitor();
    await terminal.open(stage.dev.url.replace(stage.dev.origin, way.origin));
    await terminal.prompt();
    await terminal.command("true");
    await terminal.page.evaluate(() => {
      const layer = document.querySelector(".termfleet-foreseen");
      window.foreseen = [];
      new MutationObserver(() => window.foreseen.push(layer.textContent)).observe(layer, { childList: true });
    });
    await terminal.page.keyboard.type("echo on-the-page", { delay: 70 });
    await terminal.shows(/^demo\$ echo on-the-page$/m);
    const layer = () => terminal.page.evaluate(() => document.querySelector(".termfleet-foreseen").textContent);
    await until("the layer to be empty", async () => (await layer()) === "", { seen: layer });
    const seen = await terminal.page.evaluate(() => window.foreseen);
    assert.ok(seen.some((text) => /[a-z]/.test(text)), `drawn over the screen: ${JSON.stringify(seen)}`);
    await terminal.press("Enter");
    await terminal.shows(/^on-the-page$/m);
    await terminal.prompt();
  } finally {
    await way.stop();
  }
});

function overlayText(typist) {
  return (typist.screen.prediction.overlay.get()?.cells ?? []).map(({ text }) => text).join("");
}
