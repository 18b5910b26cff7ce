/** What comes in through the address bar stays there for no longer than it must. */
import { expect, test } from "vitest";
import { Entry, type Page, pastedToken } from "../src/model/entry.ts";

function page(hash: string, kept: Record<string, string> = {}) {
  const all = new Map(Object.entries(kept));
  const shown: string[] = [];
  const page: Page = {
    location: { hash, pathname: "/", search: "?x=1" },
    history: { replaceState: (_data, _unused, url) => void shown.push(url) },
    sessionStorage: {
      getItem: (key) => all.get(key) ?? null,
      setItem: (key, value) => void all.set(key, value),
      removeItem: (key) => void all.delete(key),
    },
  };
  return { page, shown, all };
}

test("a token is taken, kept for this browser tab and cleared from the address bar", () => {
  const { page: it, shown } = page("#token=a.b.c&project=demo");
  const entry = new Entry(it);
  expect(entry.take()).toBe(true);
  expect([entry.token, entry.project, shown]).toEqual(["a.b.c", "demo", ["/?x=1"]]);
});

test("without a fragment what was kept goes on", () => {
  const { page: it, shown } = page("", { "termfleet.token": "k.e.pt" });
  const entry = new Entry(it);
  expect(entry.take()).toBe(false);
  expect([entry.token, entry.project, shown]).toEqual(["k.e.pt", "default", []]);
});

test("a project that cannot be one is not asked for", () => {
  const entry = new Entry(page("#project=../../etc").page);
  entry.take();
  expect(entry.project).toBe("default");
});

test.each([
  ["ey.J0.x-_9", "ey.J0.x-_9"],
  ["  ey.J0.x \n", "ey.J0.x"],
  ["http://127.0.0.1:4001/#token=ey.J0.x", "ey.J0.x"],
  ["http://127.0.0.1:4001/#project=p&token=ey.J0.x", "ey.J0.x"],
  ["hello", undefined],
  ["", undefined],
])("%j is the token %j", (text, token) => {
  expect(pastedToken(text)).toBe(token);
});
