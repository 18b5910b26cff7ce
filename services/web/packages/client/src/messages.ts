/** The JSON messages of `termfleet.v1`, as discriminated unions; bytes travel in `frames.ts`. */
import type { FocusChange, FocusState } from "./focus.ts";
import type { Reason } from "./frames.ts";
import type { CreateSession, Session } from "./session.ts";

/** The subprotocol. */
export const SUBPROTOCOL = "termfleet.v1";

/** How a client is fed; `auto`: as the project's focus and `view` have it. */
export type Tier = "auto" | "live" | "preview" | "events";
export type ControlAction = "take" | "release" | "interrupt" | "clear" | "kill" | "restart";

export interface ClientInfo {
  name: string;
  version: string;
  capabilities: string[];
}

export interface Attach {
  type: "attach";
  sessionId: string;
  clientId: string;
  attempt: number;
  /** With `offset`, or neither. */
  epoch?: number;
  offset?: number;
  tier?: Tier;
  cols?: number;
  rows?: number;
  snapshotRows?: number;
  redrawRows?: number;
}

/** What a client may send. */
export type ClientMessage =
  | { type: "handshake"; auth?: { token: string }; client: ClientInfo }
  | ({ type: "create"; cols?: number; rows?: number } & CreateSession)
  | Attach
  | { type: "detach"; channel: number }
  | { type: "sync"; channel: number; offset?: number }
  | { type: "resize"; channel: number; cols: number; rows: number }
  | { type: "view"; channel: number; visible: boolean }
  | { type: "check"; channel: number }
  | { type: "history"; sessionId: string; before?: number; lines: number }
  | { type: "control"; channel: number; action: ControlAction }
  | { type: "close"; sessionId: string }
  | {
      type: "focus";
      projectId: string;
      changes: readonly FocusChange[];
      /** Refused if the version has moved on. */
      expectedVersion?: number;
    }
  | { type: "subscribe" | "unsubscribe"; projectId: string }
  | { type: "auth_refresh"; token: string }
  | { type: "heartbeat"; timestamp: number };

export interface Welcome {
  type: "welcome";
  connectionId: string;
  user: { id: string; role: string; tenant: string };
  /** When the token expires, ISO 8601. */
  expiresAt?: string;
  server: { version: string; instance: string };
  limits: {
    maxMessageBytes: number;
    maxInputBytes: number;
    maxChannels: number;
    windowBytes: number;
  };
  heartbeatMs: number;
  /** What to come back with, as `?resume=` of the next socket. */
  resumeTicket?: string;
  /** The server answers what programs ask of their terminal: this one keeps its answers back. */
  answersQueries?: boolean;
}

/** The answer to `attach` and `sync`, or, unasked, a channel in another's place. */
export interface Attached {
  type: "attached" | "synced";
  channel: number;
  replaces?: number;
  sessionId: string;
  epoch: number;
  /** Where output goes on. */
  offset: number;
  /** The newest output there was. */
  head: number;
  /** The missing bytes follow; else a snapshot does. */
  recovered: boolean;
  reason?: Reason;
  /** This client drives. */
  driver: boolean;
  nextInputOffset: number;
  cols: number;
  rows: number;
  status: string;
  tier: Tier;
}

export interface Detached {
  type: "detached";
  channel: number;
  sessionId: string;
  code?: number;
  reason: string;
  exitCode?: number;
  signal?: number;
}

/** As ConEmu and Windows Terminal have it in OSC 9;4. */
export type ProgressState = "normal" | "error" | "indeterminate" | "paused";

/** Something that happened in a session. */
export type SessionEvent =
  | { kind: "bell" | "command_started" }
  /** A program waits for its user to type something, `hidden` if that is not shown (a password). */
  | { kind: "waiting"; hidden: boolean }
  /** What the program calls itself. */
  | { kind: "title"; title: string }
  /** The directory that the shell is in. */
  | { kind: "cwd"; path: string }
  /** How far the program is; without a state nothing is under way any more. */
  | { kind: "progress"; state?: ProgressState; percent?: number }
  | { kind: "notification"; title: string; body: string }
  | { kind: "command_finished"; exitCode?: number }
  /** How this client is fed from now on. */
  | { kind: "tier"; tier: Tier }
  | { kind: "resized"; cols: number; rows: number }
  | { kind: "driver"; driver: boolean; taken: boolean }
  | { kind: "status"; status: string; previous: string; reason: string }
  | { kind: "exited"; exitCode?: number; signal?: number }
  /** A kind that this client makes nothing of. */
  | { kind: "other"; name: string };

export interface EventMessage {
  type: "event";
  sessionId: string;
  channel?: number;
  event: SessionEvent;
}

export interface ErrorMessage {
  type: "error";
  channel?: number;
  sessionId?: string;
  code: number;
  message: string;
  retryAfterMs?: number;
  nextInputOffset?: number;
  offset?: number;
  /** After a version conflict: what the focus is. */
  focusState?: FocusState;
}

/** A session gained or lost the focus; the whole set as it is then. */
export interface FocusUpdate extends FocusState {
  type: "focus_update";
  sessionId: string;
  focused: boolean;
}

/** What a client is sent. */
export type ServerMessage = { id?: string } & (
  | Welcome
  | Attached
  | Detached
  | EventMessage
  | ErrorMessage
  | { type: "created" | "session_created" | "session_updated"; session: Session }
  /** A fingerprint of the server's screen, once all output before `offset` is drawn on it. */
  | { type: "checked"; channel: number; offset: number; hash: string }
  /** Rows that have left the screen, oldest first; `before` asks for those before them. */
  | { type: "history"; lines: string[]; before?: number }
  | { type: "done"; channel: number; action: string }
  | { type: "closed"; sessionId: string }
  | { type: "session_closed"; sessionId: string; reason: string; exitCode?: number }
  | FocusUpdate
  | { type: "focused"; focusState: FocusState }
  | { type: "subscribed"; projectId: string; focusState?: FocusState; sessions: Session[] }
  | { type: "unsubscribed"; projectId: string }
  | { type: "draining"; retryAfterMs: number }
  | { type: "token_expiring" | "auth_refreshed"; expiresAt: string }
  | { type: "heartbeat"; timestamp?: number; serverTime: number; resumeTicket?: string }
  /** How the service as a whole is: what it can't do now. */
  | { type: "service_status"; mode: string; degraded: string[] }
  /** A type that this client makes nothing of: servers may be newer. */
  | { type: "other"; name: string }
);
