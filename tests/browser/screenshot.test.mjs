/**
 * The picture in the README: a session as it is, taken from the page. With SCREENSHOT=1 it is
 * written to docs/images; else it is only looked at.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

const PICTURE = fileURLToPath(new URL("../../docs/images/terminal.png", import.meta.url));
/** One colour alone is a blank page; text, its smoothed edges and colours make hundreds. */
const FEWEST_COLOURS = 100;

const SOURCE = `//! The smallest of servers.
use std::{io::Write, net::TcpListener};

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7878")?;
    for stream in listener.incoming() {
        writeln!(stream?, "hello")?;
    }
    Ok(())
}
`;
/** Always the same, so that the commits' names are. */
const COMMITTED = { GIT_AUTHOR_DATE: "2026-01-05T09:00:00Z", GIT_COMMITTER_DATE: "2026-01-05T09:00:00Z" };

scenario("the page makes a picture worth showing", async (stage) => {
  const { work } = stage.dev;
  project(work);
  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  await name(terminal, "logs");
  await terminal.press("Control+Shift+ArrowLeft");
  await terminal.prompt();
  await name(terminal, "server");
  for (const text of [
    "ls",
    "git log --oneline --graph --decorate",
    "git diff",
    "grep -n listener src/main.rs",
    'echo "$SHELL on $TERM, $(stty size | tr " " x), ✓ äöü ├──┤ λ"',
    String.raw`for i in {0..15}; do printf '\e[48;5;%sm    \e[0m' $i; done; echo`,
  ]) {
    await terminal.command(text);
  }
  await terminal.type("vim src/main.rs");
  await terminal.shows(/vim src\/main\.rs$/m);

  const image = await terminal.page.screenshot();
  const colours = await coloursOf(terminal.page, image);
  assert.ok(colours >= FEWEST_COLOURS, `only ${colours} colours`);
  if (process.env.SCREENSHOT === "1") {
    fs.mkdirSync(path.dirname(PICTURE), { recursive: true });
    fs.writeFileSync(PICTURE, image);
  }
});

/** A small project with a history and a change that is not committed. */
function project(folder) {
  const file = (name, text, mode = 0o644) => fs.writeFileSync(path.join(folder, name), text, { mode });
  const git = (...words) => {
    const who = ["-c", "user.name=demo", "-c", "user.email=demo@example.com"];
    const env = { ...process.env, ...COMMITTED, GIT_CONFIG_GLOBAL: "/dev/null" };
    execFileSync("git", [...who, ...words], { cwd: folder, env });
  };
  fs.mkdirSync(path.join(folder, "src"));
  fs.mkdirSync(path.join(folder, "docs"));
  git("init", "-q", "-b", "main");
  git("config", "core.pager", "cat");
  file("README.md", "# demo\n");
  file("docs/usage.md", "Run it, connect to it.\n");
  git("add", "README.md", "docs");
  git("commit", "-q", "-m", "docs: what it is");
  file("build.sh", "#!/bin/sh\nrustc src/main.rs\n", 0o755);
  file("src/main.rs", SOURCE.replace("hello", "hi"));
  git("add", ".");
  git("commit", "-q", "-m", "feat: greets whoever connects");
  file("src/main.rs", SOURCE);
}

async function name(terminal, text) {
  await terminal.press("Control+Shift+E");
  await terminal.page.getByTestId("tab-name-field").waitFor();
  await terminal.type(text);
  await terminal.press("Enter");
  await until("the name", async () => (await terminal.activeTab()).label === text);
}

/** How many different colours a picture has. */
async function coloursOf(page, image) {
  return await page.evaluate(async (base64) => {
    const picture = new Image();
    picture.src = `data:image/png;base64,${base64}`;
    await picture.decode();
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
    return new Set(new Uint32Array(data.buffer)).size;
  }, image.toString("base64"));
}
