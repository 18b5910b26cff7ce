/** Who a browser tab is, over reloads and duplicates. */
import { expect, test } from "vitest";
import { claimIdentity, type Keep, type Locks } from "../src/identity.ts";

function keep(copied: Record<string, string> = {}): Keep & { all: Map<string, string> } {
  const all = new Map(Object.entries(copied));
  return {
    all,
    getItem: (key) => all.get(key) ?? null,
    setItem: (key, value) => void all.set(key, value),
  };
}

/** Locks as browsers have them: a held one is waited for until the signal ends that. */
function locks(): Locks & { release(): void } {
  const held = new Set<string>();
  return {
    release: () => held.clear(),
    async request(name, { signal }, callback) {
      while (held.has(name)) {
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      held.add(name);
      await callback();
    },
  };
}

test("a reloaded page keeps its id and counts attempts on", async () => {
  const storage = keep();
  const page = await claimIdentity(storage, locks());
  const attempt = page.nextAttempt();
  const reloaded = await claimIdentity(storage, locks());
  expect(reloaded.clientId).toBe(page.clientId);
  expect(reloaded.clientId).toMatch(/^[0-9a-f]{32}$/);
  expect(reloaded.nextAttempt()).toBeGreaterThan(attempt);
});

test("a duplicated tab takes an id of its own", async () => {
  const shared = locks();
  const original = keep();
  const first = await claimIdentity(original, shared);
  const copy = keep(Object.fromEntries(original.all));
  const second = await claimIdentity(copy, shared);
  expect(second.clientId).not.toBe(first.clientId);
  expect(copy.all.get("termfleet.client")).toBe(second.clientId);
});

test("attempts grow even when the clock goes back", async () => {
  const future = String(Date.now() + 1e9);
  const page = await claimIdentity(keep({ "termfleet.attempt": future }));
  expect(page.nextAttempt()).toBe(Number(future) + 1);
});
