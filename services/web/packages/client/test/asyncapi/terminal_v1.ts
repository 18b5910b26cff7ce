/** `terminal.v1`: text envelopes with a payload. */
import {
  count,
  described,
  type Dialect,
  type Fields,
  flag,
  focusSet,
  milliseconds,
  object,
  project,
  refusal,
  rest,
  says,
  type Schema,
  session,
  text,
  whole,
} from "./schema.ts";

const payload = (schema: Schema): Fields => ({ payload: schema });
const alias = described("The client's own name for it, which becomes its alias.", {
  type: "string",
  pattern: "^[A-Za-z0-9._-]{1,64}$",
});
/** Payloads that nobody needs, and that some clients send along. */
const ANYTHING: Fields = { "payload?": {} };
const named: Fields = {
  "sessionId?": session,
  "channel?": described("The session, from clients that multiplex by it.", text),
};

export const TERMINAL_V1: Dialect = {
  name: "terminal.v1",
  address: "/terminal",
  text:
    "Text envelopes; the default on /terminal. A message that names a session attaches to it. A " +
    "client that names it in `channel` is answered with `channel`. It knows no offsets: its input " +
    "is applied at most once.",
  clientEnvelope: { ...named, "timestamp?": milliseconds },
  serverEnvelope: { ...named, timestamp: milliseconds },
  client: {
    handshake: says("Signs in; optional once the upgrade did.", {
      "auth?": object({ "token?": text, "userId?": described("Must be the token's.", text) }),
      "client?": object({ "version?": text, "capabilities?": {} }),
    }),
    create_session: says("Creates a session and attaches to it.", {
      "sessionId?": alias,
      "channel?": alias,
      payload: rest("CreateSession"),
    }),
    close_session: says("Ends a session.", ANYTHING),
    send_input: says("Types.", payload(text)),
    resize: says("The window has another size.", payload(object({ cols: count, rows: count }))),
    set_focus: says(
      "Gives a session the focus or takes it.",
      payload(
        object({
          focused: flag,
          "expectedVersion?": described("Only if the focus is still at this version.", count),
        }),
      ),
    ),
    request_history: says(
      "Asks for older lines.",
      payload(object({ "lines?": count, "before?": count })),
    ),
    subscribe: says("Hears of a project's sessions.", {}, [
      { projectId: project, "payload?": {} },
      payload(object({ projectId: project })),
    ]),
  },
  server: {
    handshake_ack: says(
      "Signed in.",
      payload(object({ userId: text, role: text, heartbeatMs: count })),
    ),
    session_created: says(
      "The session that was asked for.",
      payload(object({ session: rest("Session"), "requestId?": text })),
    ),
    session_closed: says(
      "A session ended.",
      payload(object({ reason: text, "exitCode?": whole, "signal?": whole })),
    ),
    output: says("What the program printed; after a gap it starts with ESC c.", {
      ...payload(text),
      "history?": described("Rows that have left the screen, the answer to `request_history`.", flag),
      "before?": described("There are older ones: ask again with this.", count),
    }),
    status_change: says(
      "Another status, or something is missing and the screen follows.",
      payload(object({ status: text, previous: text, reason: text })),
    ),
    "session:updated": says("A session of a project that is listened to.", {
      payload: rest("Session"),
    }),
    focus_changed: says(
      "A session of a project that is listened to gained or lost the focus; the whole set as it is then.",
      payload(object({ focused: flag, ...focusSet })),
    ),
    metrics_update: says(
      "What is measured of a focused session that the socket sits at, every " +
        "`monitoring.metrics_interval_ms`; a socket that reads slowly misses some.",
      { payload: rest("SessionMeasures") },
    ),
    error: says(
      "A refusal.",
      payload(
        object({
          ...refusal,
          "focusState?": described(
            "The focus as it is (1005).",
            object({ projectId: project, ...focusSet }),
          ),
        }),
      ),
    ),
  },
};
