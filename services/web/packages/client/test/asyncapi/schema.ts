/** Words to write JSON schemas with, and what a dialect is described by. */

export type Schema = Readonly<Record<string, unknown>>;

/** Fields by their names; one whose name ends in a question mark may be left out. */
export type Fields = Readonly<Record<string, Schema>>;

/** A message: what it is for, and its fields beside `type` and those of the dialect's envelope. */
export interface Message {
  text: string;
  fields: Fields;
  /** Where it may look in several ways: the fields of each. */
  anyOf?: readonly Fields[];
}

export type Messages = Readonly<Record<string, Message>>;

/** A binary frame: what it is for, and how it is laid out. */
export interface Frame {
  text: string;
  layout: string;
}

export interface Dialect {
  /** Its name, as in a subprotocol. */
  name: string;
  /** The endpoint that it is the default of, or that it is mostly used on. */
  address: string;
  text: string;
  /** Fields that every message of the client may carry. */
  clientEnvelope: Fields;
  /** Fields that every message of the server may carry. */
  serverEnvelope: Fields;
  client: Messages;
  server: Messages;
  clientFrames?: Readonly<Record<string, Frame>>;
  serverFrames?: Readonly<Record<string, Frame>>;
}

export function says(text: string, fields: Fields = {}, anyOf?: readonly Fields[]): Message {
  return { text, fields, ...(anyOf ? { anyOf } : {}) };
}

export function object(fields: Fields): Schema {
  const entries = Object.entries(fields).map(([name, schema]) => [name.replace("?", ""), schema]);
  const required = Object.keys(fields).filter((name) => !name.endsWith("?"));
  return {
    type: "object",
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(entries) as Fields,
  };
}

export function described(description: string, schema: Schema): Schema {
  return { ...schema, description };
}

export function oneOf(...values: readonly string[]): Schema {
  return { type: "string", enum: values };
}

export function list(items: Schema): Schema {
  return { type: "array", items };
}

/** A type of REST's description, which lies beside this one. */
export function rest(name: string): Schema {
  return { $ref: `./openapi.json#/components/schemas/${name}` };
}

export const text: Schema = { type: "string" };
export const flag: Schema = { type: "boolean" };
/** What counts something: exact in every language. */
export const count: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
export const whole: Schema = { type: "integer" };
export const date: Schema = { type: "string", format: "date-time" };
export const milliseconds = described("Milliseconds since 1970.", { type: "number" });
export const project: Schema = { type: "string", pattern: "^[A-Za-z0-9._-]{1,64}$" };
export const session = described("A session's id or alias.", text);

/** A refusal, as every dialect tells it. */
export const refusal: Fields = {
  code: described("Its number: docs/errors.md has all of them.", count),
  name: text,
  message: described("What went wrong, for a person.", text),
  retryable: flag,
  "retryAfterMs?": count,
};

/** Which sessions of a project are focused. */
export const focusSet: Fields = {
  focusedSessions: list(text),
  totalFocused: count,
  maxFocused: count,
  version: described("It only grows; holes are normal. The set with the highest one holds.", count),
};
