/** A session's record, as REST and messages carry it. Fields that nobody here reads are left out. */
import type { JsonObject } from "./json.ts";

export type SessionStatus =
  | "initializing"
  | "active"
  | "suspended"
  | "recovering"
  | "error"
  | "closed";

export interface Session {
  id: string;
  projectId: string;
  userId: string;
  alias?: string;
  status: SessionStatus;
  mode: string;
  tabName: string;
  labels: Record<string, string>;
  processId?: number;
  shell: string;
  currentPath: string;
  epoch: number;
  cols: number;
  rows: number;
  createdAt: string;
  exitCode?: number;
  signal?: number;
}

/** What a session may be created with; everything may be left out. */
export interface SessionConfig {
  tabName?: string;
  shell?: string;
  mode?: "normal" | "claude" | "readonly";
  cols?: number;
  rows?: number;
  environment?: Record<string, string>;
  labels?: Record<string, string>;
  alias?: string;
}

/** What `POST /sessions` and `create` take. */
export interface CreateSession {
  projectId: string;
  projectPath?: string;
  config?: SessionConfig;
}

export function readSession(json: JsonObject): Session {
  const alias = json.optionalString("alias");
  const processId = json.optionalCount("processId");
  const exitCode = json.optionalNumber("exitCode");
  const signal = json.optionalNumber("signal");
  return {
    id: json.string("id"),
    projectId: json.string("projectId"),
    userId: json.string("userId"),
    ...(alias === undefined ? {} : { alias }),
    // A status of a later server is shown as it is, and treated as neither ended nor broken.
    status: json.string("status") as SessionStatus,
    mode: json.string("mode"),
    tabName: json.string("tabName"),
    labels: json.strings("labels"),
    ...(processId === undefined ? {} : { processId }),
    shell: json.string("shell"),
    currentPath: json.string("currentPath"),
    epoch: json.count("epoch"),
    cols: json.count("cols"),
    rows: json.count("rows"),
    createdAt: json.string("createdAt"),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Does a session have, as far as its record knows, a shell? */
export function isAlive(session: Session): boolean {
  return session.status !== "closed" && session.status !== "error";
}
