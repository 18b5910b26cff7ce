/**
 * Every code that a server refuses something with: what it means, what a person should do about it,
 * and whether trying again helps. A test compares the table with the server's own.
 */
import type { FocusState } from "./focus.ts";

/** Whether the same request may succeed later: as it is, corrected, or not at all. */
export type Retry = "never" | "later" | "corrected";

/** One code. */
export interface CodeEntry {
  /** Its number on the wire. */
  code: number;
  /** Its name on the wire. */
  name: string;
  retry: Retry;
  /** What happened. */
  text: string;
  /** What to do: one sentence. */
  advice: string;
}

function entry(code: number, name: string, retry: Retry, text: string, advice: string): CodeEntry {
  return { code, name, retry, text, advice };
}

/** The table, by number. */
export const CODES: ReadonlyMap<number, CodeEntry> = new Map(
  [
    entry(1001, "SESSION_NOT_FOUND", "never",
      "there is no such session",
      "List your sessions, or create one; records stay readable for 10 minutes after a shell ended."),
    entry(1002, "SESSION_LIMIT_EXCEEDED", "later",
      "the limit of sessions is reached",
      "Close a session of this project or of yours, or ask for a higher limit."),
    entry(1003, "SESSION_ALREADY_EXISTS", "never",
      "a session of this name already exists",
      "Attach to the session of that alias, or choose another alias."),
    entry(1004, "SESSION_CREATION_FAILED", "later",
      "the session could not be created",
      "Try again; if it stays, read the worker's log at the time of the request."),
    entry(1005, "VERSION_CONFLICT", "corrected",
      "the version has moved on",
      "Take the current version from the error and decide again."),
    entry(1006, "SESSION_ENDED", "never",
      "the session has ended",
      "Start a new session; the old one's last output stays readable for 10 minutes."),
    entry(1007, "SESSION_SUSPENDED", "later",
      "the session is suspended",
      "Resume the project first."),
    entry(2001, "CONNECTION_FAILED", "later",
      "the connection to the session failed",
      "Reconnect; the session goes on where it was."),
    entry(2002, "CONNECTION_TIMEOUT", "later",
      "the session did not answer in time",
      "Reconnect; if it stays, look at the worker's health."),
    entry(2003, "CONNECTION_REJECTED", "never",
      "the connection is not accepted from there",
      "Use a host name and an origin that the server is configured for."),
    entry(2004, "BAD_MESSAGE", "never",
      "the message is not valid",
      "Compare it with the protocol's documentation; the fifth bad message in 10 seconds closes the socket."),
    entry(2005, "MESSAGE_TOO_LARGE", "never",
      "the message is too large",
      "Send it in pieces within the limits that `welcome` names."),
    entry(2006, "INPUT_GAP", "corrected",
      "input is missing before this offset",
      "Send again from `nextInputOffset`."),
    entry(2007, "BAD_OFFSET", "corrected",
      "that offset does not exist yet",
      "Nothing: a snapshot follows."),
    entry(2008, "SLOW_CONSUMER", "later",
      "the client was too slow",
      "Reconnect and resume; read the socket without pauses of 30 seconds."),
    entry(2009, "INPUT_WINDOW_EXCEEDED", "corrected",
      "more input than the window allows",
      "Wait for `input_ack` and send again from `nextInputOffset`."),
    entry(3001, "PROCESS_SPAWN_FAILED", "never",
      "the shell could not be started",
      "Check the shell's path and that it is executable on the worker."),
    entry(3002, "PROCESS_KILLED", "never",
      "the process was killed",
      "Start a new session."),
    entry(3003, "PROCESS_NOT_FOUND", "never",
      "there is no such process",
      "It has ended already; start a new session."),
    entry(3004, "COMMAND_TIMEOUT", "later",
      "the command did not end in time",
      "Give it a longer timeout or run it in a session."),
    entry(4001, "UNAUTHORIZED", "corrected",
      "a valid token is required",
      "Sign in; `termfleet token` prints a token for a development server."),
    entry(4002, "FORBIDDEN", "never",
      "this is not allowed",
      "Ask for a role that allows it, or for a session that is not read-only."),
    entry(4003, "TOKEN_EXPIRED", "corrected",
      "the token has expired",
      "Sign in again; `termfleet token` prints a token for a development server."),
    entry(4004, "RATE_LIMITED", "later",
      "too many requests",
      "Wait for `retryAfterMs`, then try again more slowly."),
    entry(4005, "COMMAND_REJECTED", "never",
      "the command is not allowed",
      "Use a command that the policy allows."),
    entry(4006, "TAKEN_OVER", "corrected",
      "somebody else drives this session",
      "Take the driver's seat with `control take`."),
    entry(5001, "INTERNAL_ERROR", "later",
      "something went wrong on the server",
      "Try again; if it stays, report the time and the connection's id."),
    entry(5002, "RESOURCE_EXHAUSTED", "later",
      "the server has no room for this now",
      "Try again later, or add workers."),
    entry(5003, "SERVICE_UNAVAILABLE", "later",
      "the service cannot do this now",
      "Try again after `retryAfterMs`."),
    entry(6001, "PATH_NOT_FOUND", "never",
      "there is no such directory",
      "Create it first, or leave `projectPath` out."),
    entry(6002, "PATH_NOT_ALLOWED", "never",
      "that path is outside the project's root",
      "Use a path within the project's root."),
    entry(6003, "CHECKSUM_MISMATCH", "later",
      "the content does not match its checksum",
      "Send the content again."),
    entry(6004, "OPERATION_NOT_FOUND", "never",
      "there is no such operation",
      "Start the operation again."),
    entry(6005, "QUOTA_EXCEEDED", "never",
      "the storage quota is used up",
      "Delete files or ask for a larger quota."),
  ].map((row) => [row.code, row]),
);

/** The numbers that this package decides by. */
export const Code = {
  SessionNotFound: 1001,
  SessionLimitExceeded: 1002,
  VersionConflict: 1005,
  SessionEnded: 1006,
  SessionSuspended: 1007,
  ConnectionFailed: 2001,
  ConnectionTimeout: 2002,
  BadMessage: 2004,
  InputGap: 2006,
  BadOffset: 2007,
  InputWindowExceeded: 2009,
  Unauthorized: 4001,
  Forbidden: 4002,
  TokenExpired: 4003,
  TakenOver: 4006,
  InternalError: 5001,
} as const;

/** A refusal by the server, or by this package in its place. */
export class TermfleetError extends Error {
  override readonly name = "TermfleetError";

  constructor(
    /** The number of the code. */
    readonly code: number,
    message?: string,
    /** When to try again, in milliseconds, if the server said so. */
    readonly retryAfterMs?: number,
    /** What the focus is, after a version conflict. */
    readonly focusState?: FocusState,
  ) {
    super(message ?? CODES.get(code)?.text ?? "the server refused this");
  }

  /** The name of the code. */
  get codeName(): string {
    return CODES.get(this.code)?.name ?? `CODE_${this.code}`;
  }

  /** What a person should do about it. */
  get advice(): string {
    return CODES.get(this.code)?.advice ?? "Try again; if it stays, look at the server's log.";
  }

  /** May the same request succeed later without a change? */
  get temporary(): boolean {
    return CODES.get(this.code)?.retry === "later";
  }
}

/** A sentence for a person: what happened, then what to do. */
export function explain(code: number, message?: string): string {
  const error = new TermfleetError(code, message);
  const text = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return `${text.replace(/\.$/, "")}. ${error.advice}`;
}
