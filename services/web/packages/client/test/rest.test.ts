/** REST calls as they leave, and refusals as they come back. */
import { expect, test } from "vitest";
import { Code } from "../src/codes.ts";
import { TerminalApi } from "../src/rest.ts";

const SESSION = {
  id: "aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbbbb",
  projectId: "p",
  userId: "dev",
  status: "active",
  mode: "normal",
  tabName: "Terminal 1",
  labels: {},
  shell: "/bin/bash",
  currentPath: "/",
  environment: {},
  epoch: 1,
  cols: 80,
  rows: 24,
  createdAt: "2030-01-01T00:00:00Z",
  metrics: { bytesIn: 0, bytesOut: 0 },
};

interface Call {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
}

/** An API whose server gives these answers, one after the other. */
function api(...answers: ({ status?: number; body: unknown } | Response)[]) {
  const calls: Call[] = [];
  const fake: typeof fetch = (input, init) => {
    const { method = "GET", headers, body } = init ?? {};
    calls.push({
      url: String(input),
      method,
      headers: headers as Record<string, string>,
      body: typeof body === "string" ? JSON.parse(body) : undefined,
    });
    const answer = answers.shift();
    if (!answer) return Promise.reject(new TypeError("network"));
    if (answer instanceof Response) return Promise.resolve(answer);
    return Promise.resolve(Response.json(answer.body, { status: answer.status ?? 200 }));
  };
  return { calls, api: new TerminalApi({ token: () => "t", fetch: fake }) };
}

test("a session is created once, whatever happens to the answer", async () => {
  const { api: it, calls } = api({ status: 201, body: { session: SESSION } });
  const session = await it.createSession({ projectId: "p", config: { cols: 100, rows: 30 } });
  expect(session).toMatchObject({ id: SESSION.id, epoch: 1 });
  expect(calls[0]).toMatchObject({
    url: "/api/terminal/sessions",
    method: "POST",
    body: { projectId: "p", config: { cols: 100, rows: 30 } },
  });
  expect(calls[0]?.headers).toMatchObject({ Authorization: "Bearer t" });
  expect(calls[0]?.headers["Idempotency-Key"]).toMatch(/^[0-9a-f]{32}$/);
});

test("a list is read to its last page", async () => {
  const other = { ...SESSION, id: "aaaaaaaa-cccccccccccccccccccccccccc" };
  const { api: it, calls } = api(
    { body: { sessions: [SESSION], nextCursor: "a b" } },
    { body: { sessions: [other] } },
  );
  expect((await it.listSessions("p")).map((session) => session.id)).toEqual([SESSION.id, other.id]);
  expect(calls.map((call) => call.url)).toEqual([
    "/api/terminal/projects/p/sessions",
    "/api/terminal/projects/p/sessions?cursor=a%20b",
  ]);
});

const FOCUS = { focusedSessions: ["a"], totalFocused: 1, maxFocused: 4, version: 9 };

test("focus is read, given to one or several, and taken with the version it was decided by", async () => {
  const answer = { body: { success: true, ...FOCUS } };
  const { api: it, calls } = api(answer, answer, answer, answer);
  expect(await it.getFocus("p")).toEqual({ projectId: "p", ...FOCUS });
  await it.setFocus("p", "a", true);
  await it.setFocus("p", ["a", "b"], false, 8);
  expect(await it.focusSession("a", true)).toEqual(FOCUS);
  expect(calls.map(({ method, url, body }) => [method, url, body])).toEqual([
    ["GET", "/api/terminal/projects/p/focus", undefined],
    ["PUT", "/api/terminal/focus", { projectId: "p", sessionId: "a", focused: true }],
    [
      "PUT",
      "/api/terminal/focus",
      { projectId: "p", sessionIds: ["a", "b"], focused: false, expectedVersion: 8 },
    ],
    ["PUT", "/api/terminal/sessions/a/focus", { focused: true }],
  ]);
});

test("a focus that came too late is refused with the focus as it is", async () => {
  const focusState = { projectId: "p", ...FOCUS };
  const { api: it } = api({ status: 409, body: { code: 1005, detail: "moved on", focusState } });
  await expect(it.setFocus("p", "b", true, 3)).rejects.toMatchObject({
    code: Code.VersionConflict,
    focusState,
  });
});

test("projects are listed, stopped and set going again", async () => {
  const counts = { totalSessions: 2, activeSessions: 1, suspendedSessions: 1 };
  const project = { projectId: "a b", ...counts, lastActivityAt: "2030-01-01T00:00:00Z" };
  const { api: it, calls } = api(
    { body: { projects: [project] } },
    { body: { suspendedCount: 2 } },
    { body: { resumedSessions: [SESSION] } },
  );
  expect(await it.listProjects()).toEqual([project]);
  expect(await it.suspendProject("a b")).toBe(2);
  expect((await it.resumeProject("a b")).map(({ id }) => id)).toEqual([SESSION.id]);
  expect(calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "GET /api/terminal/projects",
    "POST /api/terminal/projects/a%20b/suspend",
    "POST /api/terminal/projects/a%20b/resume",
  ]);
});

test("tickets and figures are asked for", async () => {
  const { api: it, calls } = api(
    { status: 201, body: { ticket: "t1", expiresAt: "2030-01-01T00:00:30Z" } },
    { body: { metrics: { bytesIn: 3 } } },
    { body: { metrics: { sessions: 4 } } },
  );
  expect(await it.createTicket()).toEqual({ ticket: "t1", expiresAt: "2030-01-01T00:00:30Z" });
  expect(await it.sessionMetrics("a")).toEqual({ bytesIn: 3 });
  expect(await it.systemMetrics()).toEqual({ sessions: 4 });
  expect(calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST /api/terminal/tickets",
    "GET /api/terminal/metrics/sessions/a",
    "GET /api/terminal/metrics/system",
  ]);
});

test("a problem document becomes a refusal with its code", async () => {
  const body = { code: 1002, detail: "10 of 10 sessions", retryAfterMs: 500 };
  const { api: it } = api({ status: 429, body });
  await expect(it.createSession({ projectId: "p" })).rejects.toMatchObject({
    code: Code.SessionLimitExceeded,
    message: "10 of 10 sessions",
    retryAfterMs: 500,
  });
});

test.each([
  [401, Code.Unauthorized],
  [403, Code.Forbidden],
  [500, Code.InternalError],
])("status %i without a problem document is code %i", async (status, code) => {
  const { api: it } = api({ status, body: "oops" });
  await expect(it.getSession("x")).rejects.toMatchObject({ code });
});

test("a server that cannot be reached is a refusal too", async () => {
  await expect(api().api.deleteSession("x")).rejects.toMatchObject({ code: Code.ConnectionFailed });
});

test("an answer that is no session is refused, not shown", async () => {
  const { api: it } = api({ body: { session: { id: 1 } } });
  await expect(it.getSession("x")).rejects.toMatchObject({ code: Code.InternalError });
});

test("rows that have left a screen come in pages", async () => {
  const { api: it, calls } = api(
    { body: { lines: ["b"], before: 7 } },
    { body: { lines: ["a"] } },
  );
  expect(await it.readHistory("s 1", { lines: 1 })).toEqual({ lines: ["b"], before: 7 });
  expect(await it.readHistory("s 1", { before: 7, format: "ansi" })).toEqual({ lines: ["a"] });
  expect(calls.map(({ url }) => url)).toEqual([
    "/api/terminal/sessions/s%201/history?format=text&lines=1",
    "/api/terminal/sessions/s%201/history?format=ansi&before=7",
  ]);
});

test("a screen is read as text or as a picture, and a refusal is one", async () => {
  const { api: it, calls } = api(
    new Response("$ make\n"),
    new Response("<svg/>"),
    { status: 404, body: { code: 1001, detail: "there is no such session" } },
    new Response("a balancer's page", { status: 502 }),
    { status: 404, body: { code: "1001" } },
  );
  expect(await it.readScreen("s 1")).toBe("$ make\n");
  expect(await it.readScreen("s 1", "svg")).toBe("<svg/>");
  expect(calls.map(({ url }) => url)).toEqual([
    "/api/terminal/sessions/s%201/screen?format=text",
    "/api/terminal/sessions/s%201/screen?format=svg",
  ]);
  await expect(it.readScreen("gone")).rejects.toMatchObject({ code: Code.SessionNotFound });
  await expect(it.readScreen("s 1")).rejects.toMatchObject({ code: Code.InternalError });
  await expect(it.readScreen("s 1")).rejects.toMatchObject({ code: Code.InternalError });
});
