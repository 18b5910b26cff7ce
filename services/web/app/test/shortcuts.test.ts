/** The page's keys, and that a shell keeps all of its own. */
import { expect, test } from "vitest";
import { actionOf, isEnter, SHORTCUTS } from "../src/model/shortcuts.ts";

function key(code: string, held: string, text = code) {
  return {
    code,
    key: text,
    ctrlKey: held.includes("C"),
    shiftKey: held.includes("S"),
    altKey: held.includes("A"),
    metaKey: held.includes("M"),
  };
}

test.each(SHORTCUTS.map((shortcut) => [shortcut.keys, shortcut] as const))("%s", (_keys, shortcut) => {
  expect(actionOf(key(shortcut.code, "CS"))).toBe(shortcut.action);
  for (const held of ["", "C", "S", "A", "M", "CA", "CSA", "CSM"]) {
    expect(actionOf(key(shortcut.code, held))).toBeUndefined();
  }
});

test("the question mark is found on any layout", () => {
  expect(actionOf(key("Minus", "CS", "?"))).toBe("help");
});

test("none is a key that browsers keep for themselves", () => {
  const reserved = ["KeyT", "KeyN", "KeyW", "Tab", "PageUp", "PageDown"];
  expect(SHORTCUTS.filter((shortcut) => reserved.includes(shortcut.code))).toEqual([]);
});

test("only a plain Enter is Enter", () => {
  expect(isEnter(key("Enter", ""))).toBe(true);
  expect(isEnter(key("Enter", "S"))).toBe(false);
});
