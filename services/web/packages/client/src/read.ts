/** Reads the server's JSON messages. Unknown fields, types and kinds are no error: servers may be newer. */
import { type FocusState, readFocusState } from "./focus.ts";
import { REASONS, type Reason } from "./frames.ts";
import { JsonObject, MessageError } from "./json.ts";
import type {
  Attached,
  Detached,
  ErrorMessage,
  ProgressState,
  ServerMessage,
  SessionEvent,
  Tier,
  Welcome,
} from "./messages.ts";
import { readSession } from "./session.ts";

const PROGRESS_STATES: readonly ProgressState[] = ["normal", "error", "indeterminate", "paused"];
const TIERS: readonly Tier[] = ["auto", "live", "preview", "events"];

/** The message that a text frame carries; throws {@link MessageError}. */
export function readMessage(text: string): ServerMessage {
  const json = new JsonObject(parse(text), "message");
  const id = json.optionalString("id");
  return { ...(id === undefined ? {} : { id }), ...body(json) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MessageError("the message is not JSON");
  }
}

function body(json: JsonObject): ServerMessage {
  const type = json.string("type");
  switch (type) {
    case "welcome":
      return welcome(json);
    case "attached":
    case "synced":
      return attached(type, json);
    case "detached":
      return detached(json);
    case "event": {
      const sessionId = json.string("sessionId");
      return { type, sessionId, ...optional(json, "channel"), event: event(json) };
    }
    case "error":
      return error(json);
    case "created":
    case "session_created":
    case "session_updated":
      return { type, session: readSession(json.object("session")) };
    case "checked": {
      const [channel, offset] = [json.count("channel"), json.count("offset")];
      return { type, channel, offset, hash: json.string("hash") };
    }
    case "history":
      return { type, lines: json.texts("lines"), ...optional(json, "before") };
    case "done":
      return { type, channel: json.count("channel"), action: json.string("action") };
    case "closed":
      return { type, sessionId: json.string("sessionId") };
    case "session_closed": {
      const reason = json.optionalString("reason") ?? "";
      return { type, sessionId: json.string("sessionId"), reason, ...exit(json, "exitCode") };
    }
    case "subscribed": {
      const sessions = json.list("sessions", readSession);
      return { type, projectId: json.string("projectId"), ...focusOf(json), sessions };
    }
    case "unsubscribed":
      return { type, projectId: json.string("projectId") };
    case "focused":
      return { type, focusState: readFocusState(json.object("focusState")) };
    case "focus_update": {
      const [sessionId, focused] = [json.string("sessionId"), json.boolean("focused")];
      return { type, sessionId, focused, ...readFocusState(json) };
    }
    case "service_status":
      return { type, mode: json.string("mode"), degraded: json.texts("degraded") };
    case "draining":
      return { type, retryAfterMs: json.count("retryAfterMs") };
    case "token_expiring":
    case "auth_refreshed":
      return { type, expiresAt: json.string("expiresAt") };
    case "heartbeat": {
      const timestamp = json.optionalNumber("timestamp");
      const serverTime = json.count("serverTime");
      return { type, ...(timestamp === undefined ? {} : { timestamp }), serverTime, ...ticket(json) };
    }
    default:
      return { type: "other", name: type };
  }
}

function welcome(json: JsonObject): Welcome {
  const expiresAt = json.optionalString("expiresAt");
  const user = json.object("user");
  const server = json.object("server");
  const limits = json.object("limits");
  return {
    type: "welcome",
    connectionId: json.string("connectionId"),
    user: { id: user.string("id"), role: user.string("role"), tenant: user.string("tenant") },
    ...(expiresAt === undefined ? {} : { expiresAt }),
    server: { version: server.string("version"), instance: server.string("instance") },
    limits: {
      maxMessageBytes: limits.count("maxMessageBytes"),
      maxInputBytes: limits.count("maxInputBytes"),
      maxChannels: limits.count("maxChannels"),
      windowBytes: limits.count("windowBytes"),
    },
    heartbeatMs: json.count("heartbeatMs"),
    ...ticket(json),
    ...(json.optionalBoolean("answersQueries") ? { answersQueries: true } : {}),
  };
}

function ticket(json: JsonObject): { resumeTicket?: string } {
  const resumeTicket = json.optionalString("resumeTicket");
  return resumeTicket === undefined ? {} : { resumeTicket };
}

function attached(type: Attached["type"], json: JsonObject): Attached {
  const reason = REASONS.find((name) => name === json.optionalString("reason"));
  return {
    type,
    channel: json.count("channel"),
    ...optional(json, "replaces"),
    sessionId: json.string("sessionId"),
    epoch: json.count("epoch"),
    offset: json.count("offset"),
    head: json.count("head"),
    recovered: json.boolean("recovered"),
    ...(reason === undefined ? {} : { reason: reason satisfies Reason }),
    driver: json.boolean("driver"),
    nextInputOffset: json.count("nextInputOffset"),
    cols: json.count("cols"),
    rows: json.count("rows"),
    status: json.string("status"),
    tier: tier(json),
  };
}

function detached(json: JsonObject): Detached {
  return {
    type: "detached",
    channel: json.count("channel"),
    sessionId: json.string("sessionId"),
    ...optional(json, "code"),
    reason: json.optionalString("reason") ?? "",
    ...exit(json, "exitCode"),
    ...exit(json, "signal"),
  };
}

function error(json: JsonObject): ErrorMessage {
  const sessionId = json.optionalString("sessionId");
  return {
    type: "error",
    ...optional(json, "channel"),
    ...(sessionId === undefined ? {} : { sessionId }),
    code: json.count("code"),
    message: json.string("message"),
    ...optional(json, "retryAfterMs"),
    ...optional(json, "nextInputOffset"),
    ...optional(json, "offset"),
    ...focusOf(json),
  };
}

/** The focus that a message may carry, as an object to spread. */
function focusOf(json: JsonObject): { focusState?: FocusState } {
  const focus = json.optionalObject("focusState");
  return focus === undefined ? {} : { focusState: readFocusState(focus) };
}

function event(json: JsonObject): SessionEvent {
  const kind = json.string("kind");
  switch (kind) {
    case "bell":
    case "command_started":
      return { kind };
    case "waiting":
      return { kind, hidden: json.boolean("hidden") };
    case "title":
      return { kind, title: json.optionalString("title") ?? "" };
    case "cwd":
      return { kind, path: json.optionalString("path") ?? "" };
    case "progress":
      return { kind, ...progress(json) };
    case "notification": {
      const title = json.optionalString("title") ?? "";
      return { kind, title, body: json.optionalString("body") ?? "" };
    }
    case "command_finished":
      return { kind, ...exit(json, "exitCode") };
    case "tier":
      return { kind, tier: tier(json) };
    case "resized":
      return { kind, cols: json.count("cols"), rows: json.count("rows") };
    case "driver":
      return { kind, driver: json.boolean("driver"), taken: json.boolean("taken") };
    case "status": {
      const [status, previous] = [json.string("status"), json.string("previous")];
      return { kind, status, previous, reason: json.optionalString("reason") ?? "" };
    }
    case "exited":
      return { kind, ...exit(json, "exitCode"), ...exit(json, "signal") };
    default:
      return { kind: "other", name: kind };
  }
}

function progress(json: JsonObject): { state?: ProgressState; percent?: number } {
  const state = PROGRESS_STATES.find((known) => known === json.optionalString("state"));
  const percent = json.optionalNumber("percent");
  return {
    ...(state === undefined ? {} : { state }),
    ...(state === undefined || percent === undefined ? {} : { percent }),
  };
}

/** How the client is fed; servers that do not say feed every byte. */
function tier(json: JsonObject): Tier {
  return TIERS.find((known) => known === json.optionalString("tier")) ?? "live";
}

/** A count that may be absent, as an object to spread. */
function optional<Name extends string>(json: JsonObject, name: Name): { [K in Name]?: number } {
  const value = json.optionalCount(name);
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]: number });
}

/** As {@link optional}; exit codes may be negative. */
function exit<Name extends string>(json: JsonObject, name: Name): { [K in Name]?: number } {
  const value = json.optionalNumber(name);
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]: number });
}
