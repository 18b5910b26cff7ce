/**
 * A cluster as `make cluster` runs it, on ports and a directory of its own. Its supervisor brings back
 * what is killed; whatever is left at the end is ended by `run.sh stop`.
 */
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { binary, PROMPT, REPOSITORY } from "./dev.mjs";
import { until, within } from "./wait.mjs";

const SCRIPT = path.join(REPOSITORY, "deploy/cluster/run.sh");
/** Where `run.sh` puts things, counted from its first port. */
const PORTS = { nginx: 0, redis: 1, gateway: 10, worker: 20, gatewayAdmin: 30, workerAdmin: 40 };
/** How many ports it may use. */
const SPAN = 50;

/** Those that run: ended with this process, whatever happens to it. */
const running = new Set();
process.on("exit", () => {
  for (const cluster of running) cluster.stopNow();
});

export class Cluster {
  #home = fs.mkdtempSync(path.join(os.tmpdir(), "tf-"));
  #base;
  #process;
  #said = "";
  /** The URL that it printed, with a token. */
  url;

  static async start() {
    const cluster = new Cluster();
    try {
      await cluster.#start();
    } catch (error) {
      console.error(cluster.log);
      await cluster.end();
      throw error;
    }
    return cluster;
  }

  async #start() {
    // The prompt that the tests wait for, whatever the directory is called.
    fs.writeFileSync(path.join(this.#home, ".bashrc"), `PS1='${PROMPT} '\nHISTFILE=\n`);
    this.#base = await freeRange();
    running.add(this);
    const child = spawn(SCRIPT, ["start"], { env: this.#env, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => (this.#said += data));
    }
    this.url = await until("the URL", () => {
      if (child.exitCode !== null) throw new Error(`the cluster ended: ${this.#said}`);
      return this.#said.match(/http:\/\/\S+/)?.[0];
    });
  }

  get #env() {
    const own = { TERMFLEET_BIN: binary(), CLUSTER_STATE: this.#state, PORT_BASE: `${this.#base}` };
    return { ...process.env, ...own, HOME: this.#home, SHELL: "/bin/bash" };
  }

  get #state() {
    return path.join(this.#home, "c");
  }

  /** The same page at one gateway (1 to 3), without nginx. */
  urlAt(gateway) {
    const url = new URL(this.url);
    url.port = `${this.#base + PORTS.gateway + gateway}`;
    return url.href;
  }

  /** The token of the URL. */
  get token() {
    return new URL(this.url).hash.replace("#token=", "");
  }

  /** Waits until sockets are open on one gateway alone, and says on which. */
  gatewayInUse() {
    return until("a gateway with sockets", async () => {
      const open = await Promise.all([1, 2, 3].map((gateway) => this.#sockets(gateway)));
      return open.filter(Boolean).length === 1 ? open.findIndex(Boolean) + 1 : undefined;
    });
  }

  async #sockets(gateway) {
    const admin = `http://127.0.0.1:${this.#base + PORTS.gatewayAdmin + gateway}/metrics`;
    const text = await fetch(admin).then((answer) => answer.text(), () => "");
    return Number(text.match(/^terminal_websocket_connections_active (\d+)/m)?.[1] ?? 0);
  }

  /** Kills a process by its name in the cluster; it is brought back. */
  kill(name) {
    process.kill(Number(fs.readFileSync(path.join(this.#state, "pids", name), "utf8")), "SIGKILL");
  }

  /** What everybody logged. */
  get log() {
    const folder = path.join(this.#state, "logs");
    const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    const read = (file) => `--- ${file} ---\n${fs.readFileSync(path.join(folder, file), "utf8")}`;
    return this.#said + files.map(read).join("\n");
  }

  async end() {
    if (this.#process && this.#process.exitCode === null) {
      const ended = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGTERM");
      await within("the cluster to end", ended).catch(() => this.stopNow());
    }
    running.delete(this);
    fs.rmSync(this.#home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** Ends everything, waiting for it. */
  stopNow() {
    if (this.#base) execFileSync(SCRIPT, ["stop"], { env: this.#env });
  }
}

/** The first of so many free ports, below those that the kernel gives to clients. */
async function freeRange() {
  for (let base = 12_000 + (process.pid % 300) * SPAN; base < 32_000; base += SPAN) {
    const offsets = [...Array(SPAN).keys()];
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no ports are free");
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
