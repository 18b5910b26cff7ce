/**
 * The picture in the README: a session as it is, taken from the page. With SCREENSHOT=1 it is
 * written to docs/images; else it is only looked at.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { scenario } from "./support.mjs";
import { until } from "./support/wait.mjs";

const PICTURE = fileURLToPath(new URL("../../docs/images/terminal.png", import.meta.url));
/** One colour alone is a blank page; text, its smoothed edges and colours make hundreds. */
const FEWEST_COLOURS = 100;

const SOURCE = `//! The smallest of servers.
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7878")?;
    for stream in listener.incoming() {
        println!("hello, {}", stream?.peer_addr()?);
    }
    Ok(())
}
`;

scenario("the page makes a picture worth showing", async (stage) => {
  const { work } = stage.dev;
  fs.mkdirSync(path.join(work, "src"));
  fs.mkdirSync(path.join(work, "docs"));
  fs.writeFileSync(path.join(work, "src", "main.rs"), SOURCE);
  fs.writeFileSync(path.join(work, "README.md"), "# demo\n");
  fs.writeFileSync(path.join(work, "build.sh"), "#!/bin/sh\ncargo build\n", { mode: 0o755 });

  const terminal = await stage.visitor();
  await terminal.open(stage.dev.url);
  await terminal.prompt();
  await terminal.press("Control+Shift+Enter");
  await terminal.prompt();
  await name(terminal, "logs");
  await terminal.press("Control+Shift+ArrowLeft");
  await terminal.prompt();
  await name(terminal, "server");
  for (const command of [
    "ls",
    "grep -n --color=always listener src/main.rs",
    String.raw`for i in {0..15}; do printf '\e[48;5;%sm    \e[0m' $i; done; echo`,
    String.raw`printf '\e[1mbold\e[0m \e[3mitalic\e[0m \e[4munderlined\e[0m \e[7mreversed\e[0m  ✓ ├──┤ äöü 日本語\n'`,
    'echo "$TERM, $(stty size | tr " " "x"), shell $SHELL"',
  ]) {
    await terminal.run(command);
    await terminal.prompt();
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
