/**
 * `termfleet dev` as a process: started on free ports with a home and a state directory of its own,
 * killed, started again, ended. What it leaves is cleared away, also when a test fails.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until, within } from "./wait.mjs";

export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

/** The same prompt on every machine, and no history but this shell's. */
const BASHRC = `
PS1='\\[\\e[1;32m\\]\\W\\[\\e[0m\\]$ '
unset PROMPT_COMMAND
HISTCONTROL=
HISTFILE=
alias ls='ls --color=auto' grep='grep --color=auto'
`;
/** The directory that shells start in, and so what the prompt begins with. */
const WORK = "demo";
/** What the last line on the screen is while the shell waits for a command. */
export const PROMPT = `${WORK}$`;

/** Those that run: ended with this process, whatever happens to it. */
const running = new Set();
process.on("exit", () => {
  for (const dev of running) dev.killAll();
});

/** The binary: `TERMFLEET_BIN`, else the one in cargo's target directory. */
export function binary() {
  if (process.env.TERMFLEET_BIN) return process.env.TERMFLEET_BIN;
  const arguments_ = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
  const output = execFileSync("cargo", arguments_, { cwd: REPOSITORY, encoding: "utf8" });
  const found = path.join(JSON.parse(output).target_directory, "debug", "termfleet");
  if (!fs.existsSync(found)) throw new Error(`${found} is missing: cargo build -p termfleet`);
  return found;
}

export class Dev {
  #binary = binary();
  #arguments;
  #listen;
  #process;
  #home = fs.mkdtempSync(path.join(os.tmpdir(), "tf-"));
  /** What it printed when it was ready. */
  ready;

  /** @param {{ args?: string[], listen?: string[] }} options */
  constructor({ args = [], listen = ["127.0.0.1:0"] }) {
    this.#arguments = args;
    this.#listen = listen;
    fs.mkdirSync(this.work);
    fs.writeFileSync(path.join(this.#home, ".bashrc"), BASHRC);
    fs.writeFileSync(path.join(this.#home, ".bash_profile"), BASHRC);
  }

  /** @param {{ args?: string[], listen?: string[] }} [options] */
  static async start(options = {}) {
    const dev = new Dev(options);
    try {
      await dev.startAgain();
    } catch (error) {
      await dev.end();
      throw error;
    }
    return dev;
  }

  /** The directory it was started in, where its shells start. */
  get work() {
    return path.join(this.#home, WORK);
  }

  get state() {
    return path.join(this.#home, "s");
  }

  /** The URL it printed. */
  get url() {
    return this.ready.url;
  }

  /** Where it listens, without a token. */
  get origin() {
    return new URL(this.ready.url).origin;
  }

  /** What is in a file that a shell wrote into its directory; undefined if there is none. */
  file(name) {
    const full = path.join(this.work, name);
    return fs.existsSync(full) ? fs.readFileSync(full, "utf8") : undefined;
  }

  /** Starts it, or starts it again on the same state directory and port. */
  async startAgain() {
    const log = fs.openSync(this.#logFile, "a");
    const child = spawn(this.#binary, this.#commandLine(), {
      cwd: this.work,
      env: { ...process.env, SHELL: "/bin/bash", HOME: this.#home },
      stdio: ["ignore", "pipe", log],
    });
    fs.closeSync(log);
    running.add(this);
    this.#process = child;
    const ended = new Promise((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(new Error(`dev ended with ${signal ?? code} before it was ready:\n${this.log}`)),
      );
    });
    const lines = createInterface({ input: child.stdout });
    const line = new Promise((resolve) => lines.once("line", resolve));
    this.ready = JSON.parse(await within("dev to become ready", Promise.race([line, ended])));
    ended.catch(() => {});
    // A page finds it again where it was.
    if (this.#listen.length === 1) this.#listen = [new URL(this.origin).host];
  }

  #commandLine() {
    return [
      ...["dev", "--json", "--admin-listen", "127.0.0.1:0", "--state-dir", this.state],
      ...this.#listen.flatMap((address) => ["--listen", address]),
      ...this.#arguments,
    ];
  }

  /** Kills it without warning; its ptyhost and the shells live on. */
  async kill() {
    await this.#signal("SIGKILL");
  }

  /** Ends it as Ctrl-C does, with everything in it. */
  async stop() {
    await this.#signal("SIGINT");
  }

  async #signal(signal) {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await within(`dev to end after ${signal}`, ended);
  }

  /** A token that the command line prints for this server. */
  token(...options) {
    const words = ["token", "--state-dir", this.state, ...options];
    return execFileSync(this.#binary, words, { encoding: "utf8" }).trim();
  }

  /** A token for this server that has expired already, as one of last month has. */
  expiredToken() {
    const [header, payload] = this.ready.token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const month = 30 * 24 * 3600;
    for (const name of ["exp", "iat", "nbf"]) {
      if (name in claims) claims[name] -= name === "exp" ? 2 * month : month;
    }
    const text = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
    const key = Buffer.from(fs.readFileSync(path.join(this.state, "signing.key"), "utf8"), "base64");
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  }

  get #logFile() {
    return path.join(this.#home, "log");
  }

  /** What it and its ptyhost logged. */
  get log() {
    const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "");
    return read(this.#logFile) + read(path.join(this.state, "ptyhost.log"));
  }

  /** Ends whatever runs still, and takes its directory away. */
  async end() {
    try {
      await this.stop();
      // Shells that are hung up may still write to their home.
      await until("the ptyhost to end", () => this.#ptyhosts().length === 0, { deadlineMs: 5_000 });
    } catch {
      this.killAll();
    }
    running.delete(this);
    fs.rmSync(this.#home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** Kills `dev` and its ptyhost, at once. */
  killAll() {
    this.#process?.kill("SIGKILL");
    for (const pid of this.#ptyhosts()) process.kill(pid, "SIGKILL");
  }

  /** The ptyhosts of this state directory: their command line names its socket. */
  #ptyhosts() {
    return fs.readdirSync("/proc").filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        const words = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return words[1] === "ptyhost" && words.some((word) => word.startsWith(`${this.state}/`));
      } catch {
        return false; // It has ended meanwhile.
      }
    }).map(Number);
  }
}

/** Does this process run (and is no zombie)? */
export function isAlive(pid) {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).startsWith("Z");
  } catch {
    return false;
  }
}
