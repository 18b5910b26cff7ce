/** Much output neither loses a line nor takes the page away from its user. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";

/** A key that is not answered for longer than this feels broken. */
const RESPONSIVE_MS = 1_500;
/** From ^C to the prompt, on a machine that is busy with other things too. */
const INTERRUPT_MS = 6_000;

scenario("2 MB end with the right lines, and the page never freezes", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await watchFrames(terminal.page);
  await terminal.run("seq 1 300000");
  await terminal.shows(/^299998\n299999\n300000\ndemo\$/m, { deadlineMs: 60_000 });
  const longest = await terminal.page.evaluate(() => window.longestFrame);
  assert.ok(longest < RESPONSIVE_MS, `a frame took ${Math.round(longest)} ms`);
  // Every line that is kept follows the one before it.
  const kept = (await terminal.buffer()).split("\n").filter((line) => /^\d+$/.test(line)).map(Number);
  assert.ok(kept.length > 9_000, `${kept.length} lines are kept`);
  assert.deepEqual(kept, kept.map((_, at) => 300_001 - kept.length + at));
});

scenario("while one tab floods another one answers, and ^C ends the flood", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.run("yes flooding");
  await terminal.shows(/^flooding$/m);

  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  const asked = performance.now();
  await terminal.run("echo answer-$((40 + 2))");
  await terminal.shows(/^answer-42$/m);
  const answered = performance.now() - asked;
  assert.ok(answered < 2 * RESPONSIVE_MS, `the quiet tab answered after ${Math.round(answered)} ms`);

  await terminal.press("Control+Shift+ArrowLeft");
  await terminal.shows(/^flooding$/m);
  const pressed = performance.now();
  await terminal.press("Control+c");
  await terminal.prompt();
  const interrupted = performance.now() - pressed;
  assert.ok(interrupted < INTERRUPT_MS, `the prompt was back after ${Math.round(interrupted)} ms`);
  await terminal.run("echo alive-$((40 + 2))");
  await terminal.shows(/^alive-42$/m);
});

/** Notes the longest time between two frames of the page. */
async function watchFrames(page) {
  await page.evaluate(() => {
    let last = performance.now();
    window.longestFrame = 0;
    const frame = (now) => {
      window.longestFrame = Math.max(window.longestFrame, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}
