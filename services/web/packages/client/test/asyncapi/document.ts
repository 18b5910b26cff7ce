/**
 * `docs/asyncapi.yaml`: every dialect's channel, its messages with the golden vectors as examples,
 * and who says them.
 */
import { readFileSync } from "node:fs";
import { Document } from "yaml";
import { type Dialect, type Fields, type Frame, type Message, object, type Schema } from "./schema.ts";
import { FOCUS_SYNC_V1 } from "./focus_sync_v1.ts";
import { TERMFLEET_V1 } from "./termfleet_v1.ts";
import { TERMINAL_DIRECT_V1 } from "./terminal_direct_v1.ts";
import { TERMINAL_V1 } from "./terminal_v1.ts";
import { VOICE_V1 } from "./voice_v1.ts";

export const DIALECTS: readonly Dialect[] = [
  TERMFLEET_V1,
  TERMINAL_V1,
  TERMINAL_DIRECT_V1,
  FOCUS_SYNC_V1,
  VOICE_V1,
];

/** One shows how a message looks; all of them are in `proto/vectors`. */
const MAX_EXAMPLES = 1;

const OPENING = ` The WebSocket endpoints, message by message: made by the tests of services/web/packages/client from
 their descriptions there and the golden vectors, with UPDATE_ASYNCAPI=1. In which order messages come,
 and what to do about them, is told in protocol.md.`;

const INFO = {
  title: "Termfleet",
  version: "0.1.0",
  description:
    "Terminals over WebSockets. The dialect is chosen by the subprotocol, else by `?dialect=`, else " +
    "by the endpoint; each is served on both endpoints. Unknown fields are ignored, unknown types " +
    "are refused. Counts are whole numbers below 2^53.",
  license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
};

const SECURITY = {
  header: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "For whoever can set a header. Browsers put `bearer.TOKEN` into the list of subprotocols, " +
      "beside a real one, or send the token in the first `handshake`.",
  },
};

/** One golden vector, whichever of the files' forms it has. */
export interface Vector {
  name: string;
  /** The message. */
  value: Record<string, unknown>;
}

export interface Vectors {
  client: Vector[];
  refused: { name: string; text: string }[];
  server: Vector[];
}

/** Text dialects write the message as the client wrote it, the canonical one as an object. */
interface Row {
  name: string;
  message?: Record<string, unknown>;
  text?: string | Record<string, unknown> | null;
}

/** The golden vectors of a dialect. */
export function vectorsOf(dialect: Dialect): Vectors {
  const name = dialect.name.replaceAll(/[.-]/g, "_");
  const file = JSON.parse(readRoot(`proto/vectors/${name}.json`)) as {
    client: Row[];
    refused: { name: string; text: string }[];
    server: Row[];
  };
  const vectors = (rows: Row[]): Vector[] =>
    rows.flatMap((row) => {
      const { text, message } = row;
      const value = message ?? (typeof text === "string" ? (JSON.parse(text) as Vector["value"]) : text);
      // Null: the dialect has no word for it.
      return value ? [{ name: row.name, value }] : [];
    });
  return { client: vectors(file.client), refused: file.refused, server: vectors(file.server) };
}

export function readRoot(path: string): string {
  return readFileSync(new URL(`../../../../../../${path}`, import.meta.url), "utf8");
}

type Side = "client" | "server";

/** A message's name in the document. */
export function keyOf(dialect: Dialect, side: Side, type: string): string {
  return `${dialect.name}.${side}.${type.replace(":", "_")}`;
}

export function asyncapi(): object {
  const keys = (dialect: Dialect, side: Side): string[] => [
    ...Object.keys(dialect[side]).map((type) => keyOf(dialect, side, type)),
    ...Object.keys(framesOf(dialect, side)).map((kind) => keyOf(dialect, side, `frame.${kind}`)),
  ];
  const refs = (dialect: Dialect, side: Side): object[] =>
    keys(dialect, side).map((key) => ref("channels", dialect.name, "messages", key));
  const sides = ["client", "server"] as const;
  return {
    asyncapi: "3.0.0",
    info: INFO,
    defaultContentType: "application/json",
    servers: {
      development: {
        host: "127.0.0.1:4001",
        protocol: "ws",
        description: "Where `termfleet dev` listens.",
        security: [ref("components", "securitySchemes", "header")],
      },
    },
    channels: named(DIALECTS, (dialect) => [
      dialect.name,
      {
        address: dialect.address,
        description: dialect.text,
        ...(dialect.address.includes("{sessionId}")
          ? { parameters: { sessionId: { description: "The session's id or alias." } } }
          : {}),
        bindings: { ws: { method: "GET" } },
        messages: named(
          sides.flatMap((side) => keys(dialect, side)),
          (key) => [key, ref("components", "messages", key)],
        ),
      },
    ]),
    operations: named(
      DIALECTS.flatMap((dialect) => sides.map((side) => ({ dialect, side }))),
      ({ dialect, side }) => [
        `${dialect.name}.${side}`,
        {
          action: side === "client" ? "receive" : "send",
          channel: ref("channels", dialect.name),
          summary: `What ${side === "client" ? "a client" : "the server"} says in ${dialect.name}.`,
          messages: refs(dialect, side),
        },
      ],
    ),
    components: {
      securitySchemes: SECURITY,
      messages: Object.assign({}, ...DIALECTS.map(messagesOf)) as object,
    },
  };
}

/** The document as it is kept. */
export function asyncapiText(): string {
  const document = new Document(asyncapi(), { aliasDuplicateObjects: false });
  document.commentBefore = OPENING;
  return document.toString({ lineWidth: 100 });
}

function messagesOf(dialect: Dialect): object {
  const vectors = vectorsOf(dialect);
  return Object.assign(
    {},
    ...(["client", "server"] as const).flatMap((side) => [
      named(Object.entries(dialect[side]), ([type, message]) => [
        keyOf(dialect, side, type),
        {
          name: type,
          summary: message.text,
          payload: payloadOf(type, message, dialect[`${side}Envelope`]),
          examples: vectors[side]
            .filter(({ value }) => value["type"] === type)
            .slice(0, MAX_EXAMPLES)
            .map(({ name, value }) => ({ summary: name, payload: value })),
        },
      ]),
      named(Object.entries(framesOf(dialect, side)), ([kind, frame]) => [
        keyOf(dialect, side, `frame.${kind}`),
        frameOf(kind, frame),
      ]),
    ]),
  ) as object;
}

function payloadOf(type: string, { fields, anyOf }: Message, envelope: Fields): Schema {
  const whole = (own: Fields): Schema => object({ type: { const: type }, ...envelope, ...own });
  return anyOf ? { anyOf: anyOf.map(whole) } : whole(fields);
}

function framesOf(dialect: Dialect, side: Side): Readonly<Record<string, Frame>> {
  return dialect[`${side}Frames`] ?? {};
}

function frameOf(kind: string, { text, layout }: Frame): object {
  return {
    name: kind,
    summary: text,
    contentType: "application/octet-stream",
    payload: {
      type: "string",
      format: "binary",
      description: `${layout}. Numbers are unsigned LEB128; examples are in proto/vectors/frames.json.`,
    },
  };
}

function named<T>(items: readonly T[], entry: (item: T) => [string, object]): object {
  return Object.fromEntries(items.map(entry));
}

function ref(...path: string[]): object {
  return { $ref: `#/${path.join("/")}` };
}
