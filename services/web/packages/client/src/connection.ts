/**
 * The connection to a server: one link at a time, a new one whenever it is lost, and all
 * attachments moved over to it. Before a server that drains goes away the next link stands already.
 *
 * ```text
 *   `#upcoming`          `#link`                   `#old`
 *   not welcomed yet ──▶ new requests go here ──▶ its attachments are moving ──▶ closed
 *                 welcome        the next one's welcome          all moved, all answered
 * ```
 */
import type { AttachmentHost, AttachOptions } from "./attach.ts";
import { Attachment } from "./attachment.ts";
import { LONGEST_RETRY_MS, retryDelay } from "./backoff.ts";
import { Code, TermfleetError } from "./codes.ts";
import { Emitter } from "./emitter.ts";
import type { ServerFrame } from "./frames.ts";
import { freshIdentity, type Identity } from "./identity.ts";
import { Link, type LinkEnd } from "./link.ts";
import type { ClientMessage, ServerMessage, Welcome } from "./messages.ts";
import { type OpenSocket, opener, type WebSocketClass } from "./socket.ts";
import { Store } from "./store.ts";

export type ConnectionState =
  /** Not asked to connect, or closed on purpose. */
  | { phase: "idle" }
  | { phase: "connecting" }
  | { phase: "connected"; welcome: Welcome }
  /** Lost; the next try comes at `retryAt` (as `Date.now()` counts). */
  | { phase: "disconnected"; retryAt: number; reason: string }
  /** The server does not let this client in: nothing is tried until `connect` is called again. */
  | { phase: "refused"; error: TermfleetError };

export interface ConnectionEvents {
  /** Messages about sessions of a project that was subscribed to, and whatever is not handled. */
  message: ServerMessage;
  /** The token expires then (ISO 8601): `refresh` wants a new one. */
  tokenExpiring: string;
  /** The last heartbeat's way there and back, in milliseconds. */
  latency: number;
  /** The server sent something that is not of the protocol. */
  unreadable: Error;
}

export interface ConnectionOptions {
  /**
   * `ws(s)://host/terminal`: that of a server or of a balancer before many. Several are gone
   * through in turn, from one that is chosen at random, so that clients spread over them.
   */
  url: string | readonly string[];
  /** The token to sign in with, asked for at every connection; none where none is needed. */
  token?: () => string | undefined;
  /** Who this client is, for the server's log. */
  client?: { name: string; version: string };
  identity?: Identity;
  /** A class like the platform's own `WebSocket`, for platforms without one (Node.js before 22). */
  webSocket?: WebSocketClass;
  /** Opens a socket, where a class is not enough. */
  open?: OpenSocket;
  random?: () => number;
}

/** Heartbeats while somebody looks at a session: a dead tunnel is found within 6 s. */
const BUSY_HEARTBEAT_MS = 2_000;
/** Heartbeats otherwise. */
const QUIET_HEARTBEAT_MS = 25_000;
/** A connection that stood this long was a good one: the next loss is retried at once. */
const STABLE_MS = 5_000;
/** A link that is being replaced is dropped after this, moved from or not. */
const HANDOVER_MS = 5_000;
/** What one input message may carry until `welcome` says so. */
const DEFAULT_INPUT_BYTES = 32 * 1024;

/** Close codes after which trying again is no use, and the code that each stands for. */
const FINAL_CLOSE: ReadonlyMap<number, number> = new Map([
  [4001, Code.Unauthorized],
  [4002, Code.Forbidden],
  [4003, Code.TokenExpired],
]);

export class Connection {
  readonly state = new Store<ConnectionState>({ phase: "idle" });
  readonly events = new Emitter<ConnectionEvents>();
  readonly #identity: Identity;
  readonly #attachments = new Map<string, Attachment>();
  readonly #channels = new Map<Link, Map<number, Attachment>>();
  readonly #host: AttachmentHost;
  readonly #open: OpenSocket;
  readonly #urls: readonly string[];
  /** Which of them the next link goes to. */
  #nextUrl: number;
  /** The newest link: new requests go there. */
  #link: Link | undefined;
  /** The link that it replaces while attachments move. */
  #old: { link: Link; waiting: Set<Attachment>; timer: ReturnType<typeof setTimeout> } | undefined;
  /** A link that has not been welcomed yet, while another still serves. */
  #upcoming: Link | undefined;
  /** The link whose server said that it is going away. */
  #leaving: Link | undefined;
  /** Tries in vain to leave it. */
  #moves = 0;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #connectedAt = 0;
  #heartbeatMs = QUIET_HEARTBEAT_MS;
  #maxInputBytes = DEFAULT_INPUT_BYTES;
  /**
   * The newest ticket to come back with: it opens a socket where an address or a user has used up
   * theirs. A server that finds it late, or another user's, ignores it.
   */
  #ticket: string | undefined;

  constructor(private readonly options: ConnectionOptions) {
    const { url, random = Math.random } = options;
    this.#identity = options.identity ?? freshIdentity();
    this.#open = options.open ?? opener(options.webSocket);
    this.#urls = typeof url === "string" ? [url] : url;
    if (this.#urls.length === 0) throw new TypeError("a connection needs a URL");
    this.#nextUrl = Math.floor(random() * this.#urls.length);
    this.#host = this.#makeHost();
  }

  /** Connects, and stays connected until `close`. */
  connect(): void {
    const { phase } = this.state.get();
    if (phase === "connecting" || phase === "connected") return;
    this.#start();
  }

  /** Ends everything on purpose. Attachments wait for the next `connect`. */
  close(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#moveTimer);
    this.state.set({ phase: "idle" });
    for (const link of [this.#upcoming, this.#old?.link, this.#link]) link?.close();
  }

  /** Attaches to a session; at most once for each. */
  attach(sessionId: string, options: AttachOptions): Attachment {
    this.#attachments.get(sessionId)?.detach();
    const attachment = new Attachment(this.#host, sessionId, options);
    this.#attachments.set(sessionId, attachment);
    if (this.#link?.isOpen) attachment.join(this.#link);
    return attachment;
  }

  /** Sends a request; its refusal rejects with a {@link TermfleetError}. */
  request(message: ClientMessage): Promise<ServerMessage> {
    const link = this.#link;
    if (!link?.isOpen) return Promise.reject(new TermfleetError(Code.ConnectionFailed));
    return new Promise((resolve, reject) => {
      link.request(message, (answer) => {
        if (answer instanceof TermfleetError) reject(answer);
        else resolve(answer);
      });
    });
  }

  /** Renews the token of the present connection. */
  async refresh(token: string): Promise<void> {
    await this.request({ type: "auth_refresh", token });
  }

  /** Somebody looks at a session, or nobody does: decides how soon a dead socket is found. */
  setBusy(busy: boolean): void {
    this.#heartbeatMs = busy ? BUSY_HEARTBEAT_MS : QUIET_HEARTBEAT_MS;
    this.#link?.setHeartbeat(this.#heartbeatMs);
  }

  /** Something happened to the network or the page: looks at once how things stand. */
  probe(): void {
    // A socket that was opened into a network that is no more would be waited for in vain.
    if (this.state.get().phase === "connecting" && this.#link?.isStuck) this.#link.close();
    if (this.state.get().phase === "disconnected") this.#start();
    else this.#link?.probe();
  }

  #start(): void {
    clearTimeout(this.#retryTimer);
    this.state.set({ phase: "connecting" });
    this.#link = this.#newLink();
  }

  #newLink(): Link {
    const { token, client } = this.options;
    const url = this.#urls[this.#nextUrl++ % this.#urls.length] ?? "";
    const link: Link = new Link({
      url: this.#ticket === undefined ? url : withTicket(url, this.#ticket),
      open: this.#open,
      token: token?.(),
      client: { name: "termfleet-client", version: "0.1.0", ...client, capabilities: ["deflate"] },
      onWelcome: (welcome) => this.#welcomed(link, welcome),
      onTicket: (ticket) => {
        // A link that is left has a place no more: only its successor's is worth taking over.
        if (link !== this.#old?.link) this.#ticket = ticket;
      },
      onMessage: (message) => this.#message(link, message),
      onFrame: (frame) => this.#frame(link, frame),
      onEnd: (end) => this.#ended(link, end),
      onLatency: (ms) => this.events.emit("latency", ms),
      onUnreadable: (error) => this.events.emit("unreadable", error),
    });
    this.#channels.set(link, new Map());
    return link;
  }

  #welcomed(link: Link, welcome: Welcome): void {
    if (link === this.#upcoming) this.#handOver(link);
    this.#connectedAt = Date.now();
    this.#maxInputBytes = Math.min(welcome.limits.maxInputBytes, DEFAULT_INPUT_BYTES);
    link.setHeartbeat(this.#heartbeatMs);
    this.state.set({ phase: "connected", welcome });
    for (const attachment of [...this.#attachments.values()]) attachment.join(link);
  }

  #handOver(link: Link): void {
    const before = this.#link;
    this.#upcoming = undefined;
    this.#link = link;
    if (!before) return;
    const timer = setTimeout(() => before.close(), HANDOVER_MS);
    this.#old = { link: before, waiting: new Set(this.#attachments.values()), timer };
    this.#leaveOld();
  }

  /** Nothing is left to move: the old link goes, once what was asked on it is answered. */
  #leaveOld(): void {
    if (this.#old?.waiting.size === 0) this.#old.link.retire();
  }

  #ended(link: Link, end: LinkEnd): void {
    this.#channels.delete(link);
    for (const attachment of [...this.#attachments.values()]) attachment.leave(link);
    if (link === this.#upcoming) {
      this.#upcoming = undefined;
      // The server there does not let this client in either: this one serves as long as it may.
      if (!FINAL_CLOSE.has(end.closeCode)) this.#moveIn(retryDelay(++this.#moves, this.options.random));
    } else if (link === this.#old?.link) {
      clearTimeout(this.#old.timer);
      this.#old = undefined;
      if (this.#leaving === this.#link) this.#moveIn(0);
    } else if (link === this.#link) {
      this.#link = this.#upcoming;
      this.#upcoming = undefined;
      if (this.#link) this.state.set({ phase: "connecting" });
      else this.#lost(end);
    }
  }

  #lost(end: LinkEnd): void {
    const { phase } = this.state.get();
    if (phase === "idle") return;
    const code = FINAL_CLOSE.get(end.closeCode);
    if (code !== undefined) {
      const error = new TermfleetError(end.error?.code ?? code, end.error?.message);
      this.state.set({ phase: "refused", error });
      return;
    }
    if (phase === "connected" && Date.now() - this.#connectedAt >= STABLE_MS) this.#retries = 0;
    const asked = Math.min(end.error?.retryAfterMs ?? 0, LONGEST_RETRY_MS);
    const wait = Math.max(retryDelay(this.#retries, this.options.random), asked);
    this.#retries += 1;
    const reason = end.error?.message ?? end.reason;
    this.state.set({ phase: "disconnected", retryAt: Date.now() + wait, reason });
    this.#retryTimer = setTimeout(() => this.#start(), wait);
  }

  #frame(link: Link, frame: ServerFrame): void {
    // A channel that has ended belongs to nobody: its late frames are ignored.
    this.#channels.get(link)?.get(frame.channel)?.frame(frame);
  }

  #message(link: Link, message: ServerMessage): void {
    switch (message.type) {
      case "attached":
      case "detached":
      case "event":
        this.#attachments.get(message.sessionId)?.message(link, message);
        break;
      case "error":
        this.#owner(link, message.channel, message.sessionId)?.message(link, message);
        break;
      case "draining":
        this.#drain(link, message.retryAfterMs);
        break;
      case "token_expiring":
        this.events.emit("tokenExpiring", message.expiresAt);
        break;
      default:
    }
    this.events.emit("message", message);
  }

  #owner(link: Link, channel?: number, sessionId?: string): Attachment | undefined {
    if (channel !== undefined) return this.#channels.get(link)?.get(channel);
    return sessionId === undefined ? undefined : this.#attachments.get(sessionId);
  }

  /** The server is going away: the next link is made while this one still serves. */
  #drain(link: Link, retryAfterMs: number): void {
    if (link !== this.#link || link === this.#leaving) return;
    this.#leaving = link;
    this.#moves = 0;
    const random = this.options.random ?? Math.random;
    this.#moveIn(Math.min(retryAfterMs, LONGEST_RETRY_MS) * random());
  }

  #moveIn(wait: number): void {
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => {
      // While attachments still come over from an older link, this one is not left.
      if (this.#leaving !== this.#link || !this.#link?.isOpen || this.#old) return;
      this.#upcoming ??= this.#newLink();
    }, wait);
  }

  #makeHost(): AttachmentHost {
    const maxInputBytes = (): number => this.#maxInputBytes;
    return {
      clientId: this.#identity.clientId,
      nextAttempt: () => this.#identity.nextAttempt(),
      get maxInputBytes() {
        return maxInputBytes();
      },
      bind: (link, channel, attachment) => this.#channels.get(link)?.set(channel, attachment),
      unbind: (link, channel) => this.#channels.get(link)?.delete(channel),
      settled: (attachment, link) => this.#settled(attachment, link),
      release: (attachment) => this.#release(attachment),
    };
  }

  #settled(attachment: Attachment, link: Link): void {
    if (!this.#old || link === this.#old.link) return;
    this.#old.waiting.delete(attachment);
    this.#leaveOld();
  }

  #release(attachment: Attachment): void {
    if (this.#attachments.get(attachment.sessionId) === attachment) {
      this.#attachments.delete(attachment.sessionId);
    }
    this.#old?.waiting.delete(attachment);
    this.#leaveOld();
  }
}

/** A ticket is made for addresses: nothing in it needs to be escaped. */
function withTicket(url: string, ticket: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}resume=${ticket}`;
}
