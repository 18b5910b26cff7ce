/** The table of codes is the server's. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CODES, explain, TermfleetError } from "../src/codes.ts";

interface Vector {
  code: number;
  name: string;
  retry: string;
  text: string;
  advice: string;
}

const file = new URL("../../../../../proto/vectors/codes.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];

test("every code of the server is here, and no other", () => {
  const rows = vectors.map(({ code, name, retry, text, advice }) => ({
    code,
    name,
    retry,
    text,
    advice,
  }));
  expect(rows.length).toBeGreaterThan(30);
  expect([...CODES.values()]).toEqual(rows);
});

test("each is explained in whole sentences", () => {
  for (const code of CODES.keys()) expect(explain(code)).toMatch(/^[A-Z].*[^.]\. [A-Z`].*\.$/s);
});

test("a code of a newer server is shown as it came", () => {
  const error = new TermfleetError(1999, "something new");
  expect([error.codeName, error.message, error.temporary]).toEqual([
    "CODE_1999",
    "something new",
    false,
  ]);
});
