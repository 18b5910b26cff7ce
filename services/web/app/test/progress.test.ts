/** What a tab says of how far its program is. */
import { expect, test } from "vitest";
import { progressText } from "../src/model/progress.ts";

test.each([
  [{}, ""],
  [{ state: "normal", percent: 0 }, "0 %"],
  [{ state: "normal", percent: 41.6 }, "42 %"],
  [{ state: "normal" }, ""],
  [{ state: "indeterminate" }, "busy"],
  [{ state: "error", percent: 80 }, "failed 80 %"],
  [{ state: "error" }, "failed"],
  [{ state: "paused", percent: 3 }, "paused 3 %"],
] as const)("%j: %j", (progress, text) => {
  expect(progressText(progress)).toBe(text);
});
