/** `termfleet.v1`: control messages as text, bytes as binary frames. */
import {
  count,
  date,
  described,
  type Dialect,
  type Fields,
  flag,
  focusSet,
  list,
  milliseconds,
  object,
  oneOf,
  project,
  refusal,
  rest,
  says,
  session,
  text,
  whole,
} from "./schema.ts";

const channel = described("One attachment: a number that is never used again on this socket.", count);
const epoch = described("The number of the session's shell.", count);
const offset = described("Bytes of output since the epoch began.", count);
const tier = oneOf("auto", "live", "preview", "events");
const action = oneOf("take", "release", "interrupt", "clear", "kill", "restart");
const focusState = object({ projectId: project, ...focusSet });
const ended: Fields = { "exitCode?": whole, "signal?": whole };

const attached: Fields = {
  channel,
  "replaces?": described("The channel that this one takes the place of.", count),
  sessionId: text,
  epoch,
  offset: described("Where output goes on.", count),
  head: described("The newest output there is.", count),
  recovered: described("The missing bytes follow; else a snapshot does.", flag),
  "reason?": oneOf(
    "new_client",
    "trimmed",
    "new_epoch",
    "lagging",
    "interrupted",
    "resized",
    "asked",
    "bad_offset",
  ),
  driver: described("This client drives.", flag),
  nextInputOffset: described("Where this client's input goes on.", count),
  cols: count,
  rows: count,
  status: text,
  tier,
};

const event = (kind: string, fields: Fields): Fields => ({
  sessionId: text,
  "channel?": channel,
  kind: { const: kind },
  ...fields,
});

export const TERMFLEET_V1: Dialect = {
  name: "termfleet.v1",
  address: "/terminal",
  text:
    "The canonical dialect: control messages as JSON text, bytes as binary frames. Many sessions on " +
    "one socket; on /ws/terminal/{sessionId} one, which is there already.",
  clientEnvelope: { "id?": described("Echoed in the answer.", { ...text, maxLength: 64 }) },
  serverEnvelope: { "id?": described("That of the request that this answers.", text) },
  client: {
    handshake: says("Always first.", {
      "auth?": object({ token: described("Unless the upgrade signed it in.", text) }),
      client: object({ name: text, version: text, capabilities: list(text) }),
    }),
    create: says("Creates a session.", {
      projectId: project,
      "projectPath?": text,
      "config?": rest("SessionConfig"),
      "cols?": described("Before those of `config`.", count),
      "rows?": count,
    }),
    attach: says("Attaches to a session, or goes on where this client was.", {
      sessionId: session,
      clientId: described("128 random bits of the client's own.", {
        type: "string",
        pattern: "^[0-9a-f]{32}$",
      }),
      attempt: described("Above every earlier one of this client; the time in ms will do.", count),
      "epoch?": described("The shell that it has output of; with `offset` or neither.", count),
      "offset?": described("All output before this it has.", count),
      "tier?": tier,
      "cols?": count,
      "rows?": count,
      "snapshotRows?": described("Rows of scrollback that a snapshot may bring.", count),
      "redrawRows?": described("The same of one that comes because the size changed.", count),
    }),
    detach: says("Ends an attachment. The session goes on.", { channel }),
    sync: says("Asks for what is missing; without an offset for a snapshot.", {
      channel,
      "offset?": offset,
    }),
    resize: says("The client's window has another size.", { channel, cols: count, rows: count }),
    view: says("The session is on the screen, or is not.", { channel, visible: flag }),
    control: says("Does something to the session.", { channel, action }),
    close: says("Ends a session and what runs in it.", { sessionId: session }),
    focus: says("Changes the focus of a project, in this order.", {
      projectId: project,
      changes: list(object({ sessionId: session, focused: flag })),
      "expectedVersion?": described("Only if the focus is still at this version.", count),
    }),
    subscribe: says("Hears of a project's sessions from now on.", { projectId: project }),
    unsubscribe: says("Hears of them no longer.", { projectId: project }),
    history: says("Asks for rows that have left the screen.", {
      sessionId: session,
      "before?": described("Only rows before this one: `before` of the answer before.", count),
      lines: described("At most so many, 1 to 1000.", count),
    }),
    check: says("Asks what the session's screen is like, to compare it.", { channel }),
    auth_refresh: says("Renews the token in band.", { token: text }),
    heartbeat: says("Is anybody there?", {
      "timestamp?": described("The client's clock, echoed.", { type: "number" }),
    }),
  },
  server: {
    welcome: says("Always first.", {
      connectionId: described("For logs and questions.", text),
      user: object({ id: text, role: text, tenant: text }),
      "expiresAt?": described("When the token expires.", date),
      server: object({ version: text, instance: text }),
      limits: object({
        maxMessageBytes: count,
        maxInputBytes: count,
        maxChannels: count,
        windowBytes: count,
      }),
      heartbeatMs: described("How often the server pings.", count),
      "resumeTicket?": described("What to come back with, as `?resume=` of the next socket.", text),
      "answersQueries?": described(
        "The server answers programs' queries (DA, DSR, DECRQM, …): the client's terminal must not.",
        flag,
      ),
    }),
    created: says("The session that was asked for.", { session: rest("Session") }),
    attached: says("The answer to `attach`, or unasked a channel in another's place.", attached),
    synced: says("The answer to `sync`.", attached),
    detached: says("An attachment ended, asked for or not.", {
      channel,
      sessionId: text,
      "code?": count,
      reason: text,
      ...ended,
    }),
    history: says("The rows, oldest first, as wide as they were on the screen.", {
      lines: described("With escape sequences for attributes.", list(text)),
      "before?": described("There are older ones: ask again with this.", count),
    }),
    checked: says("What the session's screen is like after all output before `offset`.", {
      channel,
      offset,
      hash: described("See docs/protocol.md.", { type: "string", pattern: "^[0-9a-f]{8}$" }),
    }),
    done: says("A control was done.", { channel, action }),
    closed: says("The session was closed.", { sessionId: text }),
    event: says("Something happened in a session.", {}, [
      event("resized", { cols: count, rows: count, offset }),
      event("driver", { driver: described("This client drives.", flag), taken: flag }),
      event("exited", { ...ended, offset: described("All output there will ever be.", count) }),
      event("status", { status: text, previous: text, reason: text }),
      event("tier", { tier }),
      event("bell", {}),
      event("title", { title: text }),
      event("cwd", { path: described("The shell's directory.", text) }),
      event("progress", {
        "state?": described(
          "`normal`, `error`, `indeterminate` or `paused`; absent when nothing is under way any more.",
          text,
        ),
        "percent?": count,
      }),
      event("notification", { title: text, body: text }),
      event("command_started", {}),
      event("command_finished", { "exitCode?": described("If the shell said so.", whole) }),
      event("waiting", {
        hidden: described("What is typed is not shown: it is a password, or something like one.", flag),
      }),
    ]),
    subscribed: says("The project as it is; what changes follows.", {
      projectId: project,
      focusState,
      sessions: list(rest("Session")),
    }),
    focused: says("The focus as it is now.", { focusState }),
    focus_update: says("A session gained or lost the focus; the whole set as it is then.", {
      sessionId: text,
      focused: flag,
      projectId: project,
      ...focusSet,
      timestamp: milliseconds,
    }),
    unsubscribed: says("Nothing follows any more.", { projectId: project }),
    session_created: says("A session appeared.", { session: rest("Session") }),
    session_updated: says("A session's record changed.", { session: rest("Session") }),
    session_closed: says("A session ended.", {
      sessionId: text,
      reason: described("`exited`, `closed` or `idle`; later versions may know more.", text),
      "exitCode?": whole,
    }),
    draining: says("This server goes away: open another socket first, then leave.", {
      retryAfterMs: count,
    }),
    token_expiring: says("One minute ahead.", { expiresAt: date }),
    auth_refreshed: says("The token was renewed.", { expiresAt: date }),
    heartbeat: says("Somebody is here.", {
      "timestamp?": { type: "number" },
      serverTime: count,
      "resumeTicket?": described("A fresh one, if the last is not fresh any more.", text),
    }),
    error: says("A refusal.", {
      ...refusal,
      "channel?": channel,
      "sessionId?": text,
      "nextInputOffset?": described("Where input goes on (2006, 2009).", count),
      "offset?": described("Where output ends (2007).", count),
      "focusState?": described("The focus as it is (1005).", focusState),
    }),
  },
  clientFrames: {
    input: {
      text: "Bytes for the program, applied once.",
      layout: "0x11, channel, input offset of the first byte, bytes",
    },
    ack: { text: "All output before it is parsed.", layout: "0x12, channel, offset" },
  },
  serverFrames: {
    output: {
      text: "Output of the program.",
      layout: "0x01, channel, offset of the first byte, bytes",
    },
    snapshot: {
      text: "The screen after all output before `offset`, which is where output goes on.",
      layout: "0x02, channel, epoch, offset, cols, rows, reason (one byte), bytes",
    },
    input_ack: {
      text: "All input before it is written.",
      layout: "0x03, channel, input offset, echo offset",
    },
  },
};
