/** The far end of a socket, played by a test: what the client sent is read, what it gets is said. */
import type { AttachmentState, Screen } from "../src/attach.ts";
import { Connection, type ConnectionOptions } from "../src/connection.ts";
import {
  type ClientFrame,
  decodeFrame,
  encodeFrame,
  type Reason,
  type ServerFrame,
} from "../src/frames.ts";
import type { Socket } from "../src/socket.ts";
import type { Attached } from "../src/messages.ts";

export const SESSION = "aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbbbb";

type Json = Record<string, unknown>;

export class FakeSocket implements Socket {
  binaryType = "";
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  closedWith: number | undefined;
  /** Where it was opened. */
  url = "";
  readonly messages: Json[] = [];
  readonly frames: ClientFrame[] = [];

  send(data: string | Uint8Array): void {
    if (typeof data === "string") this.messages.push(JSON.parse(data) as Json);
    else this.frames.push(decodeFrame(data) as ClientFrame);
  }

  close(code?: number): void {
    this.closedWith = code ?? 1000;
  }

  /** The newest message of a type. */
  last(type: string): Json {
    const found = this.messages.filter((message) => message["type"] === type).at(-1);
    if (!found) throw new Error(`the client sent no ${type}`);
    return found;
  }

  count(type: string): number {
    return this.messages.filter((message) => message["type"] === type).length;
  }

  say(message: Json): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  frame(frame: ServerFrame): void {
    const bytes = encodeFrame(frame);
    this.onmessage?.({ data: bytes.buffer.slice(0, bytes.length) });
  }

  output(channel: number, offset: number, text: string): void {
    this.frame({ kind: "output", channel, offset, data: bytes(text) });
  }

  snapshot(channel: number, offset: number, epoch = 1, more = false): void {
    this.picture(channel, offset, { epoch, more });
  }

  /** A snapshot for some reason, of a screen that shows that text. */
  picture(
    channel: number,
    offset: number,
    { epoch = 1, more = false, reason = "new_client" as Reason, text = "" },
  ): void {
    const [cols, rows, data] = [80, 24, bytes(`\x1bc${text}`)] as const;
    this.frame({ kind: "snapshot", channel, epoch, offset, cols, rows, reason, more, data });
  }

  /** The server hangs up. */
  drop(code = 1006): void {
    this.onclose?.({ code, reason: "" });
  }

  welcome(fields: Json = {}): void {
    this.onopen?.(undefined as never);
    this.say({
      type: "welcome",
      connectionId: "c1",
      user: { id: "dev", role: "admin", tenant: "~dev" },
      server: { version: "0.1.0", instance: "i" },
      limits: {
        maxMessageBytes: 65536,
        maxInputBytes: 32768,
        maxChannels: 64,
        windowBytes: 262144,
      },
      heartbeatMs: 15000,
      ...fields,
    });
  }

  /** Answers the newest `attach`. */
  attached(fields: Partial<Attached> = {}): void {
    const { id, sessionId } = this.last("attach");
    this.say({ ...ATTACHED, id, sessionId, ...fields });
  }

  get typed(): string {
    return this.frames
      .map((frame) => (frame.kind === "input" ? new TextDecoder().decode(frame.data) : ""))
      .join("");
  }

  get acks(): number[] {
    return this.frames.flatMap((frame) => (frame.kind === "ack" ? [frame.offset] : []));
  }
}

const ATTACHED = {
  type: "attached",
  channel: 1,
  epoch: 1,
  offset: 0,
  head: 0,
  recovered: false,
  driver: true,
  nextInputOffset: 0,
  cols: 80,
  rows: 24,
  status: "active",
  tier: "live",
};

/** A screen that keeps what it was given; `parse` lets the terminal come to its end. */
export class FakeScreen implements Screen {
  shown = "";
  replayed = "";
  resets = 0;
  size = "";
  readonly #unparsed: (() => void)[] = [];

  reset(cols: number, rows: number): void {
    this.shown = "";
    this.resets += 1;
    this.resize(cols, rows);
  }

  resize(cols: number, rows: number): void {
    this.size = `${cols}x${rows}`;
  }

  write(data: Uint8Array, replay: boolean, parsed: () => void): void {
    const text = new TextDecoder().decode(data);
    if (text !== "\x1bc") this.shown += text;
    if (replay) this.replayed += text;
    this.#unparsed.push(parsed);
  }

  /** Parses the oldest writes, or all. */
  parse(count = Infinity): void {
    for (const parsed of this.#unparsed.splice(0, count)) parsed();
  }
}

/** A connection whose every socket is in `sockets`; retries wait no random time. */
export function fakeConnection(options: Partial<ConnectionOptions> = {}): {
  connection: Connection;
  sockets: FakeSocket[];
  socket: () => FakeSocket;
} {
  const sockets: FakeSocket[] = [];
  const connection = new Connection({
    url: "ws://test/terminal",
    random: () => 0.5,
    open: (url) => {
      const socket = new FakeSocket();
      socket.url = url;
      sockets.push(socket);
      return socket;
    },
    ...options,
  });
  const socket = (): FakeSocket => {
    const newest = sockets.at(-1);
    if (!newest) throw new Error("no socket was opened");
    return newest;
  };
  return { connection, sockets, socket };
}

/** Connected, attached to a live session, its (empty) snapshot drawn. */
export function liveSession(startEpoch?: number) {
  const fake = fakeConnection();
  const screen = new FakeScreen();
  fake.connection.connect();
  fake.socket().welcome();
  const attachment = fake.connection.attach(SESSION, {
    screen,
    cols: 80,
    rows: 24,
    ...(startEpoch === undefined ? {} : { startEpoch }),
  });
  const state = (): AttachmentState => attachment.state.get();
  return { ...fake, screen, attachment, state };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
