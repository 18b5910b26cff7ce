/** The REST interface for sessions, at `/api/terminal`. */
import { Code, TermfleetError } from "./codes.ts";
import { JsonObject, MessageError } from "./json.ts";
import { type CreateSession, readSession, type Session } from "./session.ts";

export interface ApiOptions {
  /** The server's origin; empty for that of the page. */
  origin?: string;
  token?: () => string | undefined;
  fetch?: typeof fetch;
}

/** What may be changed of a session's record. `labels` replaces all labels. */
export interface SessionPatch {
  tabName?: string;
  labels?: Record<string, string>;
}

type Read<T> = (json: JsonObject) => T;

const oneSession: Read<Session> = (json) => readSession(json.object("session"));

export class TerminalApi {
  constructor(private readonly options: ApiOptions = {}) {}

  /** Creates a session. Trying the same call again after a lost answer creates no second one. */
  createSession(create: CreateSession, idempotencyKey = randomKey()): Promise<Session> {
    const headers = { "Idempotency-Key": idempotencyKey };
    return this.#call("POST", "/sessions", oneSession, { body: create, headers });
  }

  getSession(id: string): Promise<Session> {
    return this.#call("GET", `/sessions/${encodeURIComponent(id)}`, oneSession);
  }

  /** All sessions of a project, oldest first, ended ones too while their records are kept. */
  async listSessions(projectId: string): Promise<Session[]> {
    const path = `/projects/${encodeURIComponent(projectId)}/sessions`;
    const sessions: Session[] = [];
    let query = "";
    for (;;) {
      const page = await this.#call("GET", path + query, (json) => ({
        sessions: json.list("sessions", readSession),
        next: json.optionalString("nextCursor"),
      }));
      sessions.push(...page.sessions);
      if (page.next === undefined) return sessions;
      query = `?cursor=${encodeURIComponent(page.next)}`;
    }
  }

  updateSession(id: string, patch: SessionPatch): Promise<Session> {
    return this.#call("PATCH", `/sessions/${encodeURIComponent(id)}`, oneSession, { body: patch });
  }

  /** Ends a session and everything that runs in it. */
  deleteSession(id: string): Promise<void> {
    return this.#call("DELETE", `/sessions/${encodeURIComponent(id)}`, () => undefined);
  }

  async #call<T>(
    method: string,
    path: string,
    read: Read<T>,
    { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
  ): Promise<T> {
    const { origin = "", token, fetch: send = fetch } = this.options;
    const bearer = token?.();
    const response = await send(`${origin}/api/terminal${path}`, {
      method,
      headers: {
        ...headers,
        Accept: "application/json",
        ...(body ? { "Content-Type": "application/json" } : {}),
        ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    }).catch(() => {
      throw new TermfleetError(Code.ConnectionFailed, "the server cannot be reached");
    });
    const json: unknown = await response.json().catch(() => undefined);
    try {
      if (!response.ok) throw problem(response.status, json);
      return read(new JsonObject(json, `the answer to ${method} ${path}`));
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      throw new TermfleetError(Code.InternalError, error.message);
    }
  }
}

/** The refusal in a problem document, or the nearest that an HTTP status tells. */
function problem(status: number, json: unknown): TermfleetError {
  if (typeof json === "object" && json !== null && "code" in json) {
    const fields = new JsonObject(json, "problem");
    return new TermfleetError(
      fields.count("code"),
      fields.optionalString("detail"),
      fields.optionalCount("retryAfterMs"),
    );
  }
  if (status === 401) return new TermfleetError(Code.Unauthorized);
  if (status === 403) return new TermfleetError(Code.Forbidden);
  return new TermfleetError(Code.InternalError, `the server answered with status ${status}`);
}

function randomKey(): string {
  // `crypto.randomUUID` is missing on pages that came over plain HTTP from another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
