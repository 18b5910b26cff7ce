/** Which terminals are shown together, and where. */
import { expect, test } from "vitest";
import { isShown, type Layout, nextLayout, paneOf, readLayout } from "../src/model/panes.ts";

/** The places of so many tabs, and which of them are shown while this one is active. */
function places(tabs: number, layout: Layout, active: number): string {
  return Array.from({ length: tabs }, (_, index) => {
    const { at, of } = paneOf(index, tabs, layout);
    return `${at + 1}/${of}${isShown(index, active, layout) ? "*" : ""}`;
  }).join(" ");
}

test.each([
  [1, 1, 0, "1/1*"],
  [3, 1, 1, "1/1 1/1* 1/1"],
  [1, 2, 0, "1/1*"],
  [3, 2, 0, "1/2* 2/2* 1/1"],
  [3, 2, 2, "1/2 2/2 1/1*"],
  [3, 4, 1, "1/3* 2/3* 3/3*"],
  [6, 4, 4, "1/4 2/4 3/4 4/4 1/2* 2/2*"],
] as const)("%i tabs in %i panes, number %i in front: %s", (tabs, layout, active, expected) => {
  expect(places(tabs, layout, active)).toBe(expected);
});

test("without an active tab none is shown", () => {
  expect(places(2, 2, -1)).toBe("1/2 2/2");
});

test("layouts follow each other around, and only layouts are read back", () => {
  expect([nextLayout(1), nextLayout(2), nextLayout(4)]).toEqual([2, 4, 1]);
  expect(["4", "3", "", null].map(readLayout)).toEqual([4, 1, 1, 1]);
});
