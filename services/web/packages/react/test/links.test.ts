/** Output is written by anybody: a click opens the web and nothing else. */
import { expect, test } from "vitest";
import { safeLink } from "../src/links.ts";

test.each(["https://example.org/a?b#c", "http://localhost:3000/"])("%s is opened", (text) => {
  expect(safeLink(text)).toBe(text);
});

test.each([
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  " javascript:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "file:///etc/passwd",
  "vbscript:x",
  "blob:https://example.org/1",
  "/relative",
  "",
])("%j is dead", (text) => {
  expect(safeLink(text)).toBeUndefined();
});
