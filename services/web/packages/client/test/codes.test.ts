/** The table of codes is the server's. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CODES, explain, TermfleetError } from "../src/codes.ts";

/** The rows of the server's table, as its source has them. */
function serverRows(): { code: number; name: string; retry: string; text: string; advice: string }[] {
  const file = new URL("../../../../session/src/code.rs", import.meta.url);
  const row =
    /^ {4}\w+ (\d{4}) "(\w+)" http \d+ grpc \d+ close \d+ (\w+)\s+"([^"]*)",\s+"([^"]*)";/gm;
  return [...readFileSync(file, "utf8").matchAll(row)].map(
    ([, code = "", name = "", retry = "", text = "", advice = ""]) => ({
      code: Number(code),
      name,
      retry: retry.toLowerCase(),
      text,
      advice,
    }),
  );
}

test("every code of the server is here, and no other", () => {
  const rows = serverRows();
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
