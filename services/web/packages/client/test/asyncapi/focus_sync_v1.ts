/** `focus-sync.v1`: flat text messages of one session, with its project's focus. */
import {
  count,
  described,
  type Dialect,
  type Fields,
  flag,
  focusSet,
  milliseconds,
  object,
  oneOf,
  project,
  says,
  session,
  text,
} from "./schema.ts";

const expected: Fields = {
  "expectedVersion?": {
    ...described("Only if the focus is still at this version.", count),
    type: ["integer", "null"],
  },
};

export const FOCUS_SYNC_V1: Dialect = {
  name: "focus-sync.v1",
  address: "/ws/terminal/{sessionId}",
  text:
    "Flat text messages of one session, with its project's focus; on /terminal a message names its " +
    "session. A session that does not exist yet is waited for. It knows no offsets: its input is " +
    "applied at most once.",
  clientEnvelope: { "sessionId?": session, "projectId?": project, "timestamp?": milliseconds },
  serverEnvelope: { "sessionId?": text, "projectId?": project, timestamp: milliseconds },
  client: {
    focus: says("Gives the session the focus.", expected),
    blur: says("Takes it from it.", expected),
    input: says("Types.", { data: text }),
    resize: says("The window has another size.", { data: object({ cols: count, rows: count }) }),
    sync_request: says("Asks for the focus as it is."),
    heartbeat: says("Is anybody there?"),
  },
  server: {
    connection_status: says(
      "At first, and whenever the server loses its way to the session, finds it or gives it up.",
      {
        status: oneOf("connected", "disconnected", "error"),
        "reason?": text,
        "retryCount?": described("Attempts to find the way since it was lost.", count),
        ...focusSet,
      },
    ),
    stream: says("What the program printed; after a gap it starts with ESC c.", { data: text }),
    focus_update: says("A session gained or lost the focus; the whole set as it is then.", {
      focused: flag,
      ...focusSet,
    }),
    sync_complete: says("The focus as it is.", focusSet),
    heartbeat: says("Somebody is here."),
    error: says("A refusal.", {
      code: described("Its number: docs/errors.md has all of them.", count),
      data: described("What went wrong, for a person.", text),
      "focusState?": described(
        "The focus as it is (1005).",
        object({ projectId: project, ...focusSet }),
      ),
    }),
  },
};
