/** The REST interface for sessions, projects and focus, at `/api/terminal`. */
import { Code, TermfleetError } from "./codes.ts";
import { type FocusSet, type FocusState, readFocusSet, readFocusState } from "./focus.ts";
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

/** A project in which the caller has sessions that are not closed. */
export interface Project {
  projectId: string;
  totalSessions: number;
  activeSessions: number;
  suspendedSessions: number;
  /** ISO 8601, exact to 10 seconds. */
  lastActivityAt: string;
}

/** How a screen is told: `ansi` has escape sequences for attributes, `svg` is a picture. */
export type ScreenFormat = "text" | "ansi" | "svg";

/** Which rows of those that have left a screen. */
export interface HistoryOptions {
  /** Only those before this one; the newest if absent. */
  before?: number;
  /** At most so many, 1 to 1000. */
  lines?: number;
  /** With escape sequences for attributes, or without. */
  format?: "text" | "ansi";
}

/** Rows, oldest first. */
export interface HistoryPage {
  lines: string[];
  /** There are older ones: ask again with this. */
  before?: number;
}

/** Signs one socket in, once and soon, where no header and no message can: `?ticket=`. */
export interface Ticket {
  ticket: string;
  /** ISO 8601. */
  expiresAt?: string;
}

/** Figures by name, as the server knows them: what it cannot know is not there. */
export type Metrics = Readonly<Record<string, unknown>>;

type Read<T> = (json: JsonObject) => T;

/** What goes along with a request. */
interface Extras {
  body?: object;
  headers?: Record<string, string>;
  accept?: string;
}

const oneSession: Read<Session> = (json) => readSession(json.object("session"));

const metrics: Read<Metrics> = (json) => json.object("metrics").fields;

const oneProject: Read<Project> = (json) => ({
  projectId: json.string("projectId"),
  totalSessions: json.count("totalSessions"),
  activeSessions: json.count("activeSessions"),
  suspendedSessions: json.count("suspendedSessions"),
  lastActivityAt: json.string("lastActivityAt"),
});

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
  listSessions(projectId: string): Promise<Session[]> {
    return this.#pages(`${project(projectId)}/sessions`, "sessions", readSession);
  }

  /** The caller's projects: those in which they have sessions. */
  listProjects(): Promise<Project[]> {
    return this.#pages("/projects", "projects", oneProject);
  }

  /** What a session shows now, and for ten minutes after its end. */
  async readScreen(id: string, format: ScreenFormat = "text"): Promise<string> {
    const path = `/sessions/${encodeURIComponent(id)}/screen?format=${format}`;
    return (await this.#send("GET", path, { accept: "*/*" })).text();
  }

  /** Rows that have left a session's screen, oldest first; `before` of the answer asks for older ones. */
  readHistory(
    id: string,
    { before, lines, format = "text" }: HistoryOptions = {},
  ): Promise<HistoryPage> {
    const query = new URLSearchParams({ format });
    if (before !== undefined) query.set("before", String(before));
    if (lines !== undefined) query.set("lines", String(lines));
    const path = `/sessions/${encodeURIComponent(id)}/history?${query.toString()}`;
    return this.#call("GET", path, (json) => {
      const older = json.optionalCount("before");
      return { lines: json.texts("lines"), ...(older === undefined ? {} : { before: older }) };
    });
  }

  updateSession(id: string, patch: SessionPatch): Promise<Session> {
    return this.#call("PATCH", `/sessions/${encodeURIComponent(id)}`, oneSession, { body: patch });
  }

  /** Ends a session and everything that runs in it. */
  deleteSession(id: string): Promise<void> {
    return this.#call("DELETE", `/sessions/${encodeURIComponent(id)}`, () => undefined);
  }

  /** Stops every program of a project's sessions; answers of how many. Their state is kept. */
  suspendProject(projectId: string): Promise<number> {
    const path = `${project(projectId)}/suspend`;
    return this.#call("POST", path, (json) => json.count("suspendedCount"));
  }

  /** Lets them go on; answers the sessions that stood still. */
  resumeProject(projectId: string): Promise<Session[]> {
    const path = `${project(projectId)}/resume`;
    return this.#call("POST", path, (json) => json.list("resumedSessions", readSession));
  }

  /** Which of a project's sessions are focused. */
  async getFocus(projectId: string): Promise<FocusState> {
    return { projectId, ...(await this.#call("GET", `${project(projectId)}/focus`, readFocusSet)) };
  }

  /**
   * Gives sessions of a project the focus, in this order, or takes it from them. With
   * `expectedVersion` it is refused if the version has moved on; the refusal carries the set.
   */
  async setFocus(
    projectId: string,
    sessions: string | readonly string[],
    focused: boolean,
    expectedVersion?: number,
  ): Promise<FocusState> {
    const which =
      typeof sessions === "string" ? { sessionId: sessions } : { sessionIds: sessions };
    const body = { projectId, ...which, focused, expectedVersion };
    return { projectId, ...(await this.#call("PUT", "/focus", readFocusSet, { body })) };
  }

  /** The same for one session whose project need not be known. */
  focusSession(id: string, focused: boolean): Promise<FocusSet> {
    const path = `/sessions/${encodeURIComponent(id)}/focus`;
    return this.#call("PUT", path, readFocusSet, { body: { focused } });
  }

  /** A ticket for one socket of a dialect that knows no handshake. */
  createTicket(): Promise<Ticket> {
    return this.#call("POST", "/tickets", (json) => {
      const expiresAt = json.optionalString("expiresAt");
      return { ticket: json.string("ticket"), ...(expiresAt === undefined ? {} : { expiresAt }) };
    });
  }

  /** A session's figures. */
  sessionMetrics(id: string): Promise<Metrics> {
    return this.#call("GET", `/metrics/sessions/${encodeURIComponent(id)}`, metrics);
  }

  /** The figures of the whole system, for administrators. */
  systemMetrics(): Promise<Metrics> {
    return this.#call("GET", "/metrics/system", metrics);
  }

  /** All pages of a list. */
  async #pages<T>(path: string, name: string, read: Read<T>): Promise<T[]> {
    const all: T[] = [];
    let query = "";
    for (;;) {
      const page = await this.#call("GET", path + query, (json) => ({
        items: json.list(name, read),
        next: json.optionalString("nextCursor"),
      }));
      all.push(...page.items);
      if (page.next === undefined) return all;
      query = `?cursor=${encodeURIComponent(page.next)}`;
    }
  }

  async #call<T>(
    method: string,
    path: string,
    read: Read<T>,
    extras: Extras = {},
  ): Promise<T> {
    const json = await jsonOf(await this.#send(method, path, extras));
    return understood(() => read(new JsonObject(json, `the answer to ${method} ${path}`)));
  }

  /** The answer to a request, if it is no refusal. */
  async #send(
    method: string,
    path: string,
    { body, headers = {}, accept = "application/json" }: Extras,
  ): Promise<Response> {
    const { origin = "", token, fetch: send = fetch } = this.options;
    const bearer = token?.();
    const response = await send(`${origin}/api/terminal${path}`, {
      method,
      headers: {
        ...headers,
        Accept: accept,
        ...(body ? { "Content-Type": "application/json" } : {}),
        ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    }).catch(() => {
      throw new TermfleetError(Code.ConnectionFailed, "the server cannot be reached");
    });
    if (response.ok) return response;
    const json = await jsonOf(response);
    throw understood(() => problem(response.status, json));
  }
}

/** What is read from an answer; one that cannot be read is the server's mistake. */
function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw new TermfleetError(Code.InternalError, error.message);
  }
}

/** What an answer carries, if that is JSON. */
function jsonOf(response: Response): Promise<unknown> {
  return response.json().catch(() => undefined);
}

/** The refusal in a problem document, or the nearest that an HTTP status tells. */
function problem(status: number, json: unknown): TermfleetError {
  if (typeof json === "object" && json !== null && "code" in json) {
    const fields = new JsonObject(json, "problem");
    return new TermfleetError(
      fields.count("code"),
      fields.optionalString("detail"),
      fields.optionalCount("retryAfterMs"),
      focusOf(fields),
    );
  }
  if (status === 401) return new TermfleetError(Code.Unauthorized);
  if (status === 403) return new TermfleetError(Code.Forbidden);
  return new TermfleetError(Code.InternalError, `the server answered with status ${status}`);
}

/** What the focus is, in the refusal of a change that came too late. */
function focusOf(problem: JsonObject): FocusState | undefined {
  const state = problem.optionalObject("focusState");
  return state && readFocusState(state);
}

function project(id: string): string {
  return `/projects/${encodeURIComponent(id)}`;
}

function randomKey(): string {
  // `crypto.randomUUID` is missing on pages that came over plain HTTP from another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
