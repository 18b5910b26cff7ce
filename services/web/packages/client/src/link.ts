/**
 * One WebSocket from its handshake to its end: requests and their answers, frames, heartbeats. It
 * does not come back by itself; that is `connection.ts`.
 */
import type { Picture } from "./check.ts";
import { Code, TermfleetError } from "./codes.ts";
import {
  type ClientFrame,
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameError,
  type ServerFrame,
} from "./frames.ts";
import { inflate } from "./inflate.ts";
import { MessageError } from "./json.ts";
import {
  type ClientInfo,
  type ClientMessage,
  type ErrorMessage,
  type ServerMessage,
  SUBPROTOCOL,
  type Welcome,
} from "./messages.ts";
import { readMessage } from "./read.ts";
import type { OpenSocket, Socket } from "./socket.ts";

/** From opening to `welcome`; a server that has not answered by then is tried again. */
const WELCOME_TIMEOUT_MS = 5_000;
/** From opening to `welcome`, where the page has reason to think that the network is another one. */
const STUCK_MS = 2_000;
/** An unanswered heartbeat means a lost connection after this: half-open tunnels never say so. */
export const HEARTBEAT_ANSWER_MS = 4_000;
/** A request without an answer after this is given up; heartbeats find dead sockets earlier. */
const REQUEST_TIMEOUT_MS = 15_000;
/** A timer this late slept with its machine: it says nothing about the server. */
const OVERSLEPT_MS = 1_000;

/** Why a link ended. */
export interface LinkEnd {
  /** The close code; 1006 for a socket that just went. */
  closeCode: number;
  reason: string;
  /** The last refusal before it, if there was one. */
  error?: ErrorMessage;
}

export interface LinkOptions {
  url: string;
  open: OpenSocket;
  token: string | undefined;
  client: ClientInfo;
  onWelcome(welcome: Welcome): void;
  /** A ticket for the next link to come back with. */
  onTicket(ticket: string): void;
  /** Messages that answer no request. */
  onMessage(message: ServerMessage): void;
  onFrame(frame: ServerFrame): void;
  onEnd(end: LinkEnd): void;
  /** Something came that is not of the protocol. */
  onUnreadable(error: Error): void;
  /** How long a heartbeat took, in milliseconds. */
  onLatency(ms: number): void;
}

/** The answer to a request, or its refusal. */
export type Answer = (answer: ServerMessage | TermfleetError) => void;

interface Pending {
  answer: Answer;
  timer: ReturnType<typeof setTimeout>;
}

export class Link {
  readonly #socket: Socket;
  readonly #pending = new Map<string, Pending>();
  #nextId = 1;
  #phase: "opening" | "open" | "ended" = "opening";
  readonly #openedAt = Date.now();
  #retired = false;
  #answersQueries = false;
  /** Whether the server tells what screens look like; while the first question is open, nobody asks. */
  #checks: "unknown" | "asked" | "known" | "none" = "unknown";
  #lastError: ErrorMessage | undefined;
  #beatEveryMs = 25_000;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #answerTimer: ReturnType<typeof setTimeout> | undefined;
  #welcomeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: LinkOptions) {
    const socket = options.open(options.url, SUBPROTOCOL);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#handshake();
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#end({ closeCode: event.code, reason: event.reason });
    // An error is always followed by `close`, which says more.
    socket.onerror = () => {};
    this.#welcomeTimer = setTimeout(
      () => this.#lose("the server did not answer in time"),
      WELCOME_TIMEOUT_MS,
    );
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** It has been opening for longer than that takes on any network that works. */
  get isStuck(): boolean {
    return this.#phase === "opening" && Date.now() - this.#openedAt >= STUCK_MS;
  }

  /** The server answers programs' queries: terminals here do not. */
  get answersQueries(): boolean {
    return this.#answersQueries;
  }

  send(message: ClientMessage): void {
    this.#sendText({ ...message });
  }

  sendFrame(frame: ClientFrame): void {
    if (this.#phase === "open") this.#socket.send(encodeFrame(frame) as Uint8Array<ArrayBuffer>);
  }

  /** Sends a message whose answer is wanted. `answer` is called once, before later frames. */
  request(message: ClientMessage, answer: Answer): void {
    const id = String(this.#nextId++);
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      answer(new TermfleetError(Code.ConnectionTimeout, "the server did not answer in time"));
      if (this.#retired) this.retire();
    }, REQUEST_TIMEOUT_MS);
    this.#pending.set(id, { answer, timer });
    this.#sendText({ ...message, id });
  }

  /**
   * Asks what a session's screen looks like, if the server can say: one that cannot refuses the first
   * question and is not asked again, as it counts bad messages.
   */
  check(channel: number, answer: (picture: Picture | undefined) => void): void {
    if (this.#checks === "none" || this.#checks === "asked") return answer(undefined);
    if (this.#checks === "unknown") this.#checks = "asked";
    this.request({ type: "check", channel }, (said) => {
      const refusal = said instanceof TermfleetError ? said.code : undefined;
      if (this.#checks === "asked") {
        this.#checks =
          refusal === undefined ? "known" : refusal === Code.BadMessage ? "none" : "unknown";
      }
      const checked = !(said instanceof TermfleetError) && said.type === "checked";
      answer(checked ? said : undefined);
    });
  }

  /** How often to send a heartbeat. */
  setHeartbeat(everyMs: number): void {
    if (everyMs === this.#beatEveryMs) return;
    this.#beatEveryMs = everyMs;
    if (this.#phase === "open") this.#scheduleBeat();
  }

  /** Asks at once whether anybody is there. */
  probe(): void {
    if (this.#phase === "open") this.#beat();
  }

  /** Ends it on purpose as soon as nothing is awaited on it. */
  retire(): void {
    this.#retired = true;
    if (this.#pending.size === 0) this.close();
  }

  /** Ends it on purpose. */
  close(): void {
    this.#end({ closeCode: 1000, reason: "" }, 1000);
  }

  #handshake(): void {
    const { token, client } = this.options;
    const auth = token === undefined ? {} : { auth: { token } };
    this.#socket.send(JSON.stringify({ type: "handshake", ...auth, client }));
  }

  #sendText(message: object): void {
    if (this.#phase === "open") this.#socket.send(JSON.stringify(message));
  }

  #receive(data: unknown): void {
    if (this.#phase === "ended") return;
    // Any byte is a sign of life, whatever it was that was asked.
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    if (typeof data === "string") this.#text(data);
    else this.#frame(new Uint8Array(data as ArrayBuffer));
  }

  #text(text: string): void {
    let message: ServerMessage;
    try {
      message = readMessage(text);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.options.onUnreadable(error);
      return;
    }
    this.#message(message);
  }

  #frame(bytes: Uint8Array): void {
    let frame: Frame;
    try {
      frame = decodeFrame(bytes, inflate);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.options.onUnreadable(error);
      // It may have carried output: only a resume on a new socket is certain to be exact.
      this.#lose(error.message);
      return;
    }
    if (frame.kind !== "input" && frame.kind !== "ack") this.options.onFrame(frame);
  }

  #message(message: ServerMessage): void {
    if (message.type === "welcome") this.#welcome(message);
    else if (message.type === "heartbeat") this.#beaten(message.timestamp, message.resumeTicket);
    else if (message.id === undefined || !this.#answer(message.id, message)) {
      if (message.type === "error") this.#lastError = message;
      this.options.onMessage(message);
    }
  }

  #answer(id: string, message: ServerMessage): boolean {
    const pending = this.#pending.get(id);
    if (!pending) return false;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    if (message.type === "error") {
      const { code, message: text, retryAfterMs, focusState } = message;
      pending.answer(new TermfleetError(code, text, retryAfterMs, focusState));
    } else {
      pending.answer(message);
    }
    if (this.#retired) this.retire();
    return true;
  }

  #welcome(welcome: Welcome): void {
    if (this.#phase !== "opening") return;
    clearTimeout(this.#welcomeTimer);
    this.#phase = "open";
    this.#answersQueries = welcome.answersQueries === true;
    this.#scheduleBeat();
    if (welcome.resumeTicket !== undefined) this.options.onTicket(welcome.resumeTicket);
    this.options.onWelcome(welcome);
    this.#beat();
  }

  #scheduleBeat(): void {
    clearTimeout(this.#beatTimer);
    this.#beatTimer = setTimeout(() => this.#beat(), this.#beatEveryMs);
  }

  #beat(): void {
    this.#scheduleBeat();
    const sentAt = Date.now();
    this.send({ type: "heartbeat", timestamp: sentAt });
    this.#answerTimer ??= setTimeout(() => this.#unanswered(sentAt), HEARTBEAT_ANSWER_MS);
  }

  #unanswered(sentAt: number): void {
    this.#answerTimer = undefined;
    const late = Date.now() - sentAt - HEARTBEAT_ANSWER_MS;
    if (late > OVERSLEPT_MS) this.#beat();
    else this.#lose("no heartbeat was answered");
  }

  #beaten(timestamp: number | undefined, ticket: string | undefined): void {
    if (ticket !== undefined) this.options.onTicket(ticket);
    if (timestamp !== undefined) this.options.onLatency(Math.max(0, Date.now() - timestamp));
  }

  #lose(reason: string): void {
    // 4000 and up are for applications; the server only sees that the client gave up.
    this.#end({ closeCode: 1006, reason }, 4000);
  }

  #end(end: LinkEnd, closeWith?: number): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    for (const timer of [this.#beatTimer, this.#answerTimer, this.#welcomeTimer]) {
      clearTimeout(timer);
    }
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (closeWith !== undefined) socket.close(closeWith);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { answer, timer } of pending) {
      clearTimeout(timer);
      answer(new TermfleetError(Code.ConnectionFailed, "the connection was lost"));
    }
    this.options.onEnd(this.#lastError ? { ...end, error: this.#lastError } : end);
  }
}
