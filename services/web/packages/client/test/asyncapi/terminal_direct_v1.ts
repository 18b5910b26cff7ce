/** `terminal-direct.v1`: one session a socket, flat text messages. */
import {
  count,
  type Dialect,
  milliseconds,
  says,
  session,
  text,
  whole,
} from "./schema.ts";

export const TERMINAL_DIRECT_V1: Dialect = {
  name: "terminal-direct.v1",
  address: "/ws/terminal/{sessionId}",
  text:
    "Flat text messages about one session; the default on /ws/terminal/{sessionId}. A session that " +
    "does not exist yet is waited for. It knows no offsets: its input is applied at most once.",
  clientEnvelope: { "sessionId?": session, "timestamp?": milliseconds },
  serverEnvelope: { "sessionId?": text, timestamp: milliseconds },
  client: {
    connect: says("Changes nothing: the address has named the session."),
    input: says("Types.", { data: text }),
    resize: says("The window has another size.", { cols: count, rows: count }),
    disconnect: says("Leaves. The session goes on."),
  },
  server: {
    connected: says("Attached; the screen follows, then what the program prints."),
    output: says("What the program printed; after a gap it starts with ESC c.", { data: text }),
    status_change: says("Another status, or something is missing and the screen follows.", {
      status: text,
      previous: text,
      reason: text,
    }),
    disconnect: says("The session ended.", { reason: text, "exitCode?": whole }),
    error: says("A refusal.", { code: count, message: text }),
  },
};
