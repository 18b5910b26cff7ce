/** What is foreseen, when it is shown, and that it never stays if it was wrong. */
import { expect, test } from "vitest";
import { REST_MS, STALE_MS } from "../../src/prediction/predictor.ts";
import { Stage } from "./stage.ts";

const [LEFT, RIGHT, BACKSPACE, TAB, ENTER] = ["\x1b[D", "\x1b[C", "\x7f", "\t", "\r"];

/** At a prompt where `ec` was typed and echoed: from then on keys are foreseen. */
async function typing(): Promise<Stage> {
  const stage = await Stage.start();
  await stage.typeAndEcho("ec");
  expect([stage.seen, stage.isForeseen]).toEqual(["$ ec_", false]);
  return stage;
}

test("the first keys of a line are not shown, those after an echo are", async () => {
  const stage = await Stage.start();
  stage.type("e", "c");
  expect(stage.seen).toBe("$ _");
  await stage.print("ec");
  stage.echoed();
  stage.type("h", "o");
  expect(stage.seen).toBe("$ echo_");
});

test("keys that were typed before the first echo are shown once it comes", async () => {
  const stage = await Stage.start();
  stage.type("e");
  stage.type("c", "h", "o");
  await stage.print("e");
  stage.predictor.echoed(2);
  expect(stage.seen).toBe("$ echo_");
});

test("what is echoed is the screen's again", async () => {
  const stage = await typing();
  stage.type("h", "o");
  await stage.print("h");
  expect(stage.seen).toBe("$ echo_");
  await stage.print("o");
  expect(stage.isForeseen).toBe(false);
  stage.echoed();
  expect([stage.seen, stage.isForeseen]).toEqual(["$ echo_", false]);
});

test("backspace, to the prompt and no further", async () => {
  const stage = await typing();
  stage.type("h", BACKSPACE, BACKSPACE);
  expect(stage.seen).toBe("$ e_");
  stage.type(BACKSPACE);
  expect(stage.seen).toBe("$ _");
  stage.type(BACKSPACE, BACKSPACE);
  await stage.print("h\b\x1b[K\b\x1b[K\b\x1b[K\x07");
  stage.echoed();
  expect([stage.seen, stage.isForeseen]).toEqual(["$ _", false]);
});

test("arrows, and what is inserted and removed between", async () => {
  const stage = await typing();
  await stage.typeAndEcho("hi");
  stage.type(LEFT, LEFT);
  expect(stage.seen).toBe("$ ec_hi");
  stage.type("x");
  expect(stage.seen).toBe("$ ecx_hi");
  stage.type(BACKSPACE, BACKSPACE);
  expect(stage.seen).toBe("$ e_hi");
  stage.type(RIGHT, "\x1bOC");
  expect(stage.seen).toBe("$ ehi_");
});

test("what stands apart at the right stays where it is", async () => {
  const stage = await Stage.start("$ \x1b[s\x1b[30Gright\x1b[u");
  await stage.typeAndEcho("ab");
  stage.type("c", LEFT, "d", BACKSPACE);
  expect(stage.seen).toBe("$ ab_c                        right");
});

test("a suggestion that is typed as it stands is no insertion", async () => {
  const stage = await typing();
  await stage.print("ho hello\x1b[5G");
  stage.type("h");
  expect(stage.seen).toBe("$ ech_o hello");
});

test.each([
  ["Tab", TAB],
  ["Enter", ENTER],
  ["an arrow up", "\x1b[A"],
  ["a control key", "\x01"],
  ["an umlaut", "ä"],
  ["an Alt key", "\x1bb"],
  ["a paste", "echo ".repeat(10)],
  ["a bracketed paste", "\x1b[200~ls\x1b[201~"],
])("after %s nothing is foreseen until it is echoed, and then tentatively", async (_name, key) => {
  const stage = await typing();
  stage.type(key, "x");
  expect(stage.isForeseen).toBe(false);
  await stage.print("...");
  stage.echoed();
  stage.type("l");
  expect(stage.isForeseen).toBe(false);
  await stage.print("l");
  stage.echoed();
  stage.type("s");
  expect(stage.seen).toBe("$ ec...ls_");
});

test("who types on without waiting for the prompt is caught up with", async () => {
  const stage = await typing();
  stage.type(ENTER);
  const entered = stage.typedTo;
  stage.type(..."date");
  await stage.print("\r\n$ da");
  // The echo of two letters is here already, though the server has told only of Enter's.
  stage.predictor.echoed(entered);
  expect(stage.isForeseen).toBe(false);
  await stage.print("t");
  stage.predictor.echoed(entered + 3);
  expect(stage.seen).toBe("$ date_");
  stage.type(BACKSPACE, BACKSPACE, BACKSPACE, BACKSPACE);
  expect(stage.seen).toBe("$ _");
  await stage.print("e\b \b\b \b\b \b\b \b");
  stage.echoed();
  expect(stage.isForeseen).toBe(false);
});

test("a password that is typed before it is asked for is not caught up with", async () => {
  const stage = await typing();
  stage.type(ENTER);
  const entered = stage.typedTo;
  stage.type(..."s3cret");
  await stage.print("\r\nPassword: ");
  for (let echoed = entered; echoed < entered + 20; echoed += 1) {
    stage.predictor.echoed(echoed);
    expect(stage.isForeseen).toBe(false);
    stage.type("x");
    expect(stage.isForeseen).toBe(false);
  }
});

test("a key that is not foreseen does not take back what was", async () => {
  const stage = await typing();
  stage.type("h", TAB);
  expect(stage.seen).toBe("$ e_ch".replace("e_c", "ec_"));
});

test("the last column is left to the line editor", async () => {
  const stage = await Stage.start(`${"-".repeat(30)} `);
  await stage.typeAndEcho("abcdefg");
  stage.type("h");
  expect(stage.seen).toContain("abcdefgh_");
  stage.type("i", "j");
  expect(stage.seen).not.toContain("i");
});

test("wide characters are not moved", async () => {
  const stage = await typing();
  await stage.print("漢x\x1b[4D\x1b[1D");
  stage.echoed();
  stage.type("h");
  expect(stage.isForeseen).toBe(false);
});

test("where nothing is echoed nothing is shown, however long somebody types", async () => {
  const stage = await typing();
  stage.type(ENTER);
  await stage.print("\r\nPassword: ");
  stage.echoed();
  for (const char of "s3cret pass!") {
    stage.type(char);
    expect(stage.isForeseen).toBe(false);
    stage.echoed();
  }
  stage.type(ENTER);
  await stage.print("\r\n$ ");
  stage.echoed();
  expect([stage.seen, stage.isForeseen]).toEqual(["$ _", false]);
});

test("stars for a password prove nothing", async () => {
  const stage = await Stage.start("Password: ");
  for (const char of "*.*secret") {
    stage.type(char);
    await stage.print("*");
    stage.echoed();
    expect(stage.isForeseen).toBe(false);
  }
});

test("a prompt that follows a key without Enter ends what was proved", async () => {
  const stage = await typing();
  // One key was answered with a question for a password.
  await stage.print("\r\nPassword: ");
  stage.type("s", "e", "c");
  expect(stage.isForeseen).toBe(false);
  stage.echoed();
  stage.type("r");
  expect(stage.isForeseen).toBe(false);
});

test("a prompt that comes while an echo is awaited ends what was proved", async () => {
  const stage = await typing();
  stage.type("y");
  await stage.print("y\r\nPassword: ");
  stage.type("s");
  expect(stage.isForeseen).toBe(false);
  stage.echoed();
  stage.type("e");
  expect(stage.isForeseen).toBe(false);
});

test("a full-screen program is left alone, also right after it has begun", async () => {
  const stage = await typing();
  stage.type("h");
  expect(stage.isForeseen).toBe(true);
  await stage.print("\x1b[?1049h\x1b[H");
  expect(stage.isForeseen).toBe(false);
  stage.echoed();
  for (const char of "iabc") {
    stage.type(char);
    await stage.print(char);
    stage.echoed();
    expect(stage.isForeseen).toBe(false);
  }
  await stage.print("\x1b[?1049l");
  stage.type("x");
  expect(stage.isForeseen).toBe(false);
});

test("a wrong one goes with the echo, and proves nothing for the next", async () => {
  const stage = await typing();
  stage.type("h");
  expect(stage.seen).toBe("$ ech_");
  await stage.print("H");
  stage.echoed();
  expect([stage.seen, stage.isForeseen]).toEqual(["$ ecH_", false]);
  stage.type("o");
  expect(stage.isForeseen).toBe(false);
});

test("after three wrong ones it rests, and then begins again", async () => {
  const stage = await typing();
  for (let wrong = 1; wrong <= 3; wrong += 1) {
    stage.type("h");
    expect(stage.isForeseen, `the ${wrong}.`).toBe(true);
    await stage.print("#");
    stage.echoed();
    await stage.typeAndEcho("a");
  }
  await stage.typeAndEcho("bcd");
  stage.type("e");
  expect(stage.isForeseen).toBe(false);
  stage.now += REST_MS;
  expect(stage.isForeseen).toBe(true);
});

test("nothing is shown where keys are fast, and what is slow at first may get fast", async () => {
  const stage = await Stage.start();
  stage.delayMs = 29;
  await stage.typeAndEcho("echo");
  stage.type("x");
  expect(stage.isForeseen).toBe(false);
  stage.delayMs = 400;
  await stage.print("x");
  stage.echoed();
  stage.type("y");
  expect(stage.isForeseen).toBe(true);
  stage.delayMs = 1;
  for (let fast = 0; fast < 40; fast += 1) {
    await stage.print(fast % 2 === 0 ? "y" : "\b \b");
    stage.echoed();
    stage.type(fast % 2 === 0 ? BACKSPACE : "y");
  }
  expect(stage.isForeseen).toBe(false);
});

test("a key that is never seen is not measured", async () => {
  const stage = await typing();
  const before = stage.predictor.delay.ms;
  stage.type("h", BACKSPACE);
  stage.delayMs = 900;
  await stage.print("");
  stage.echoed();
  stage.type("x");
  stage.delayMs = 100;
  await stage.print("x");
  expect(stage.predictor.delay.ms).toBe(before);
});

test("another channel or size forgets what is under way", async () => {
  const stage = await typing();
  stage.type("h");
  stage.predictor.reset(4);
  expect(stage.isForeseen).toBe(false);
  stage.type("o");
  expect(stage.isForeseen).toBe(false);
});

test("an echo that does not come at all is waited for, but not for ever", async () => {
  const stage = await typing();
  stage.type("h");
  stage.delayMs = STALE_MS;
  await stage.print("");
  expect(stage.isForeseen).toBe(true);
  stage.delayMs = 1;
  await stage.print("");
  expect(stage.isForeseen).toBe(false);
});

test("a screen that is cleared meanwhile is nobody's mistake", async () => {
  const stage = await typing();
  stage.type("h", "\x0c");
  await stage.print("h\x1b[H\x1b[2J$ ech");
  stage.echoed();
  expect([stage.seen, stage.isForeseen]).toEqual(["$ ech_", false]);
});

test("rows count from the first line that is kept", async () => {
  const stage = await typing();
  await stage.print("\r\n".repeat(8) + "$ ec");
  stage.type("x");
  await stage.print("x");
  stage.echoed();
  stage.type("h");
  const { baseY, cursorY } = stage.terminal.buffer.active;
  expect([stage.predictor.overlay?.row, stage.seen]).toEqual([baseY + cursorY, "$ ecxh_"]);
  expect(baseY).toBeGreaterThan(0);
});
