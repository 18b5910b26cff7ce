/** `voice.v1`: commands and controls that are answered once, however often they are sent. */
import {
  count,
  date,
  described,
  type Dialect,
  type Fields,
  flag,
  milliseconds,
  object,
  oneOf,
  refusal,
  says,
  type Schema,
  session,
  text,
  whole,
} from "./schema.ts";

const variables: Schema = { type: "object", additionalProperties: text };

const command: Schema = {
  oneOf: [
    described("What a person would type; one line.", text),
    object({
      command: described("What a person would type; one line.", text),
      "workingDirectory?": described("Where it runs; the shell stays there.", {
        type: ["string", "null"],
      }),
      "environment?": {
        ...described("Variables of this command alone.", variables),
        type: ["object", "null"],
      },
    }),
  ],
};

const nothing: Schema = { type: ["object", "null"], properties: {} };

const asks = (action: string, parameters?: Schema): Schema =>
  object({
    action: { const: action },
    ...(parameters ? { parameters } : { "parameters?": nothing }),
  });

const control: Schema = {
  anyOf: [
    asks("resize", object({ cols: count, rows: count })),
    asks("interrupt"),
    asks("clear"),
    object({
      action: { const: "disconnect" },
      "parameters?": {
        ...object({
          "destroy?": described("Close the session, not only leave it.", flag),
        }),
        type: ["object", "null"],
      },
    }),
    asks("status"),
  ],
};

const state = object({
  sessionId: text,
  userId: text,
  backendId: described("The worker that runs it.", text),
  status: oneOf("active", "idle", "disconnected"),
  lastActivity: date,
  connectionCount: count,
  workingDirectory: text,
  environment: variables,
});

const answered: Schema = {
  anyOf: [
    object({
      action: oneOf("resize", "interrupt", "clear", "disconnect"),
      status: described("`sent`: its socket ended before it was known to be done.", oneOf("done", "sent")),
    }),
    object({ action: { const: "status" }, state }),
    described(
      "Nobody asked: the session has ended, or this client was put out of it.",
      object({
        action: { const: "disconnect" },
        parameters: object({ reason: text, "exitCode?": whole, "signal?": whole }),
      }),
    ),
  ],
};

const anything: Schema = {};

const payload = (schema: Schema): Fields => ({ payload: schema });

export const VOICE_V1: Dialect = {
  name: "voice.v1",
  address: "/ws/terminal/{sessionId}",
  text:
    "Commands and controls, each answered once; on /terminal a message names its session. A messageId " +
    "is remembered for 10 minutes in its session: the same message again gets the same answer, and " +
    "nothing is done twice, on whichever server it comes.",
  clientEnvelope: {
    messageId: described("1 to 128 visible ASCII characters of the client's choice.", text),
    "sessionId?": session,
    "timestamp?": milliseconds,
  },
  serverEnvelope: {
    messageId: described("The server's own.", text),
    "inReplyTo?": described("The messageId that this answers.", text),
    "sessionId?": text,
    timestamp: milliseconds,
  },
  client: {
    command: says("Types a command into the session's shell.", payload(command)),
    control: says("Does something else with the session, or asks how it is.", payload(control)),
    heartbeat: says("Is anybody there?", { "payload?": anything }),
  },
  server: {
    output: says(
      "What the program printed; after a gap it starts with ESC c.",
      payload(text),
    ),
    command: says(
      "The command was typed; what it prints comes as output.",
      payload(
        object({
          status: described(
            "`sent`: its socket ended before it was known to be typed.",
            oneOf("typed", "sent"),
          ),
        }),
      ),
    ),
    control: says("The control was done, or the session is over.", payload(answered)),
    heartbeat: says("Somebody is here: the payload comes back.", payload(anything)),
    status_change: says(
      "The session's status changed, or output is missing and the screen follows.",
      payload(object({ status: text, previous: text, reason: text })),
    ),
    error: says("A refusal.", payload(object(refusal))),
  },
};
