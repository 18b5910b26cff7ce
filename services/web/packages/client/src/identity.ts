/**
 * Who this client is to the server, over reloads of its page: a client id, to which its input lanes
 * and its driver's seats belong, and a number that grows with every attachment, so that of two that
 * meet the newer one wins.
 */

/** A client id and its attempts. */
export interface Identity {
  /** 128 random bits as 32 lower-case hex digits. */
  readonly clientId: string;
  /** A number above every earlier one of this client. */
  nextAttempt(): number;
}

/** What is needed of `sessionStorage`. */
export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** What is needed of `navigator.locks`. */
export interface Locks {
  request(
    name: string,
    options: { signal: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<unknown>;
}

/** How long a reloaded page waits for its former self to let go of the id. */
const LOCK_WAIT_MS = 500;
const ID_KEY = "termfleet.client";
const ATTEMPT_KEY = "termfleet.attempt";

class Kept implements Identity {
  constructor(
    readonly clientId: string,
    private readonly keep: Keep,
  ) {}

  nextAttempt(): number {
    const last = Number(this.keep.getItem(ATTEMPT_KEY) ?? 0);
    const next = Math.max((Number.isSafeInteger(last) ? last : 0) + 1, Date.now());
    this.keep.setItem(ATTEMPT_KEY, String(next));
    return next;
  }
}

/** An identity that lives as long as this object: for scripts and tests. */
export function freshIdentity(): Identity {
  const kept = new Map<string, string>();
  return new Kept(randomId(), {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  });
}

/**
 * The identity of this browser tab. It is kept in session storage, which a duplicated tab gets a
 * copy of: whoever does not get the id's lock in time is that copy, and takes a new id.
 */
export async function claimIdentity(keep: Keep, locks?: Locks): Promise<Identity> {
  const known = keep.getItem(ID_KEY);
  if (known && /^[0-9a-f]{32}$/.test(known) && (await claimed(known, locks))) {
    return new Kept(known, keep);
  }
  const id = randomId();
  keep.setItem(ID_KEY, id);
  await claimed(id, locks);
  return new Kept(id, keep);
}

/** Takes the lock of an id for as long as the page lives. */
async function claimed(id: string, locks?: Locks): Promise<boolean> {
  // Plain HTTP on another machine has no locks; then a duplicated tab shares its original's id and
  // the newer one takes the sessions over, which it says.
  if (!locks) return true;
  return await new Promise((resolve) => {
    const signal = AbortSignal.timeout(LOCK_WAIT_MS);
    locks
      .request(`termfleet-client-${id}`, { signal }, () => {
        resolve(true);
        return new Promise<void>(() => {});
      })
      .catch(() => resolve(false));
  });
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
