/**
 * The packed client package, as somebody installs it: into an empty project, without a registry,
 * compiled against its types and run by this Node.js, which may have no WebSocket of its own.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { resolve } from "./support/chromium.mjs";
import { scenario } from "./support.mjs";

const run = promisify(execFile);
const PACKED = fileURLToPath(new URL("../../target/sdk", import.meta.url));
const VECTORS = fileURLToPath(new URL("../../proto/vectors", import.meta.url));
const CONSUMER = fileURLToPath(new URL("./sdk/consumer.mts", import.meta.url));
/** The package's own types are checked too: nobody has to skip that. */
const COMPILER = {
  module: "nodenext",
  target: "es2022",
  lib: ["es2023", "dom", "dom.iterable"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  resolveJsonModule: true,
  skipLibCheck: false,
};
/** `ws` brings no types; this is all that the option needs to know of it. */
const WS_TYPES = `declare module "ws" {
  const WebSocket: new (url: string, protocol: string) => object;
  export default WebSocket;
}
`;

scenario("the packed package runs in an empty project, against a real server", async ({ dev }) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tf-sdk-"));
  try {
    const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
    write("package.json", JSON.stringify({ name: "empty", private: true, type: "module" }));
    const packages = [tarball(), folderOf("ws"), folderOf("@types/node"), folderOf("undici-types")];
    const quiet = ["--offline", "--install-links", "--no-audit", "--no-fund", "--ignore-scripts"];
    await run("npm", ["install", ...quiet, ...packages], { cwd: folder });
    const installed = path.join(folder, "node_modules/@termfleet/client");
    for (const name of ["README.md", "LICENSE", "dist/index.d.ts", "dist/xterm.js"]) {
      assert.ok(fs.existsSync(path.join(installed, name)), `${name} is in the package`);
    }
    assert.deepEqual(contents(path.join(installed, "vectors")), contents(VECTORS));
    assert.deepEqual(contents(path.join(PACKED, "vectors")), contents(VECTORS));
    for (const name of ["asyncapi.yaml", "openapi.json", "errors.md"]) {
      assert.ok(fs.existsSync(path.join(PACKED, name)), `${name} lies beside the package`);
    }

    fs.copyFileSync(CONSUMER, path.join(folder, "consumer.mts"));
    write("ws.d.ts", WS_TYPES);
    write("tsconfig.json", JSON.stringify({ compilerOptions: COMPILER, include: ["*.ts", "*.mts"] }));
    await run(process.execPath, [path.join(folderOf("typescript"), "bin/tsc")], { cwd: folder }).catch(
      (error) => assert.fail(`the package's types:\n${error.stdout}`),
    );
    const { stdout } = await run(process.execPath, ["consumer.mjs", dev.origin, dev.ready.token], {
      cwd: folder,
    });
    assert.equal(stdout.trim(), "the package works");
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

/** What `make sdk` left. */
function tarball() {
  const packed = fs.existsSync(PACKED) ? fs.readdirSync(PACKED) : [];
  const name = packed.find((file) => file.endsWith(".tgz"));
  assert.ok(name, "nothing is packed: make sdk");
  return path.join(PACKED, name);
}

/** Where a package of the web terminal's lies. */
function folderOf(name) {
  return path.dirname(resolve(`${name}/package.json`));
}

/** The files of a folder, with what is in them. */
function contents(folder) {
  const names = fs.readdirSync(folder).sort();
  return Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(folder, name), "utf8")]));
}
