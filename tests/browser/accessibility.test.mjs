/** The page says what it is to a screen reader, and everything is reached without a mouse. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

scenario("tabs, terminals and status have their roles and names", async (stage) => {
  const terminal = await stage.visitor();
  const { page } = terminal;
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();

  const tabs = page.getByRole("tablist", { name: "Terminals" }).getByRole("tab");
  assert.deepEqual(await tabs.evaluateAll((all) => all.map((tab) => tab.ariaSelected)), ["false", "true"]);
  const panel = page.getByRole("tabpanel");
  assert.equal(await panel.count(), 1, "a hidden terminal is not there for anybody");
  assert.equal(await panel.getAttribute("aria-labelledby"), await tabs.nth(1).getAttribute("id"));
  assert.equal(await tabs.nth(1).getAttribute("aria-controls"), await panel.getAttribute("id"));
  assert.equal(await page.getByRole("status").filter({ hasText: "Connected" }).count(), 1);
  assert.equal(await page.getByRole("main", { name: "Terminal" }).count(), 1);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  const nameless = await page.getByRole("button").evaluateAll((all) =>
    all.filter((button) => !(button.ariaLabel ?? button.textContent).trim()).length,
  );
  assert.equal(nameless, 0, "every button has a name");
});

scenario("the Tab key walks through the page and stays in no trap", async (stage) => {
  const terminal = await stage.visitor();
  const { page } = terminal;
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();

  // In a terminal Tab belongs to the shell; this key leaves it.
  await terminal.press("Control+Shift+ArrowUp");
  assert.equal(await focused(page), "tab: Terminal 2");
  await terminal.press("ArrowLeft");
  assert.equal(await focused(page), "tab: Terminal 1");
  await terminal.press("Tab");
  assert.equal(await focused(page), "button: New terminal");
  for (const name of ["One terminal", "Two terminals", "Four terminals"]) {
    await terminal.press("Tab");
    assert.equal(await focused(page), `button: ${name}`);
  }
  for (const name of ["Refresh", "Keyboard shortcuts"]) {
    await terminal.press("Tab");
    assert.equal(await focused(page), `button: ${name}`);
  }
  await terminal.press("Tab");
  assert.equal(await focused(page), "textbox: Terminal input");
  await terminal.run("echo typed-$((40 + 2))");
  await terminal.shows(/^typed-42$/m);
});

scenario("a dialog takes the focus, keeps it, and gives it back", async (stage) => {
  const terminal = await stage.visitor();
  const { page } = terminal;
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+?");
  const dialog = page.getByRole("dialog", { name: "Keyboard" });
  await dialog.waitFor();
  assert.equal(await focused(page), "button: Done");
  for (let at = 0; at < 4; at += 1) {
    await terminal.press("Tab");
    const outside = await page.evaluate(() => {
      const element = document.activeElement;
      return element !== document.body && !element.closest("dialog");
    });
    assert.ok(!outside, "the focus stays in the dialog");
  }
  await terminal.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await terminal.run("echo typed-$((40 + 2))");
  await terminal.shows(/^typed-42$/m);
});

scenario("a screen reader reads the terminal once it is asked to", async (stage) => {
  const terminal = await stage.visitor();
  const { page } = terminal;
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+?");
  await page.getByRole("checkbox", { name: /screen reader/ }).press("Space");
  await terminal.press("Escape");
  await terminal.run("echo spoken-$((40 + 2))");
  await until("the line among what is read out", async () => {
    const lines = await page.getByRole("listitem").allInnerTexts();
    return lines.some((line) => line.trim() === "spoken-42");
  });
});

scenario("the page is served with a policy, and keeps to it", async (stage) => {
  const terminal = await stage.visitor();
  const [answer] = await Promise.all([
    terminal.page.waitForResponse((response) => response.url() === `${stage.dev.origin}/`),
    terminal.open(stage.dev.url),
  ]);
  await terminal.prompt();
  const policy = answer.headers()["content-security-policy"];
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /script-src[^;]*'unsafe|unsafe-eval/);
  // It works: what it forbids is reported, so that the silence of every other scenario means something.
  const reported = terminal.page.waitForEvent("console", (message) => message.type() === "error");
  await terminal.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.head.append(script);
  });
  await reported;
  assert.equal(await terminal.page.evaluate(() => window.injected), undefined);
}, { complaints: /script-src|inline script/i });

/** Where the focus is: the role and name as a screen reader tells them. */
async function focused(page) {
  return await page.evaluate(() => {
    const element = document.activeElement;
    const native = { BUTTON: "button", TEXTAREA: "textbox", INPUT: "textbox" }[element.tagName];
    const name = element.ariaLabel ?? element.querySelector(".tab-name")?.textContent ?? element.textContent;
    return `${element.role ?? native}: ${name.trim()}`;
  });
}
