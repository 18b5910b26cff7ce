/**
 * The description of the WebSocket endpoints is an AsyncAPI document, is what it is made from, and
 * holds for every golden vector: whoever changes a message changes all of them.
 */
import specification from "@asyncapi/specs/schemas/3.0.0-without-$id.json" with { type: "json" };
import { Ajv, type ValidateFunction } from "ajv";
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readMessage } from "../src/read.ts";
import { asyncapiText, DIALECTS, keyOf, readRoot, vectorsOf } from "./asyncapi/document.ts";
import type { Dialect } from "./asyncapi/schema.ts";

const PAGE = "docs/asyncapi.yaml";
/** Only there so that the documents' references to each other have a beginning. */
const BASE = "https://termfleet.test/";

if (process.env["UPDATE_ASYNCAPI"]) {
  writeFileSync(new URL(`../../../../../${PAGE}`, import.meta.url), asyncapiText());
}
const kept = readRoot(PAGE);
const openapi: unknown = JSON.parse(readRoot("docs/openapi.json"));

test("the document is not stale", () => {
  expect(kept, "run UPDATE_ASYNCAPI=1 npm test in services/web").toBe(asyncapiText());
});

test("it is an AsyncAPI 3.0 document, and every reference in it leads somewhere", () => {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const valid = ajv.compile(specification as object);
  const document: unknown = parse(kept);
  expect(valid(document), ajv.errorsText(valid.errors)).toBe(true);
  for (const at of references(document)) {
    const [file, path = ""] = at.split("#");
    expect(found(file === "" ? document : openapi, path), at).toBeDefined();
  }
});

/** A validator of one message; `strict`: fields that are not described are mistakes. */
function validators(strict: boolean): (key: string) => ValidateFunction {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const [name, document] of [["asyncapi.yaml", parse(kept)], ["openapi.json", openapi]]) {
    const own = structuredClone(document) as object;
    if (strict) close(own);
    ajv.addSchema({ ...own, $id: BASE + String(name) });
  }
  return (key) => ajv.compile({ $ref: `${BASE}asyncapi.yaml#/components/messages/${key}/payload` });
}

const strict = validators(true);
const lenient = validators(false);

describe.each(DIALECTS)("$name", (dialect) => {
  const vectors = vectorsOf(dialect);

  test.each(["client", "server"] as const)("every message of the %s has a vector", (side) => {
    const types = new Set(vectors[side].map(({ value }) => value["type"]));
    expect([...types].sort()).toEqual(Object.keys(dialect[side]).sort());
  });

  test.each(vectors.client)("the client says: $name", ({ name, value }) => {
    const validate = name.includes("unknown fields are ignored") ? lenient : strict;
    check(validate(keyOf(dialect, "client", String(value["type"]))), value);
  });

  test.each(vectors.server)("the server says: $name", ({ value }) => {
    check(strict(keyOf(dialect, "server", String(value["type"]))), value);
  });

  test.each(vectors.refused)("what is refused is not described: $name", ({ text }) => {
    expect(describes(dialect, text)).toBe(false);
  });
});

test("every message of the canonical server is read by this package", () => {
  const [canonical] = DIALECTS;
  for (const { name, value } of canonical ? vectorsOf(canonical).server : []) {
    const read = readMessage(JSON.stringify(value));
    expect([name, read.type]).toEqual([name, value["type"]]);
    if (read.type === "event") expect([name, read.event.kind]).toEqual([name, value["kind"]]);
  }
});

function check(validate: ValidateFunction, value: unknown): void {
  expect(validate(value), JSON.stringify(validate.errors)).toBe(true);
}

/** Is this, as the document has it, a message of the client's? */
function describes(dialect: Dialect, text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  const type = String((value as { type?: unknown } | null)?.type);
  return type in dialect.client && lenient(keyOf(dialect, "client", type))(value) === true;
}

/** Forbids every field that is not described. */
function close(schema: object): void {
  for (const inner of Object.values(schema) as unknown[]) {
    if (typeof inner === "object" && inner !== null) close(inner);
  }
  if ("properties" in schema && !("additionalProperties" in schema)) {
    Object.assign(schema, { additionalProperties: false });
  }
}

function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "$ref" in value && typeof value.$ref === "string" ? [value.$ref] : [];
  return [...own, ...Object.values(value).flatMap(references)];
}

/** What a JSON pointer leads to. */
function found(document: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
}
