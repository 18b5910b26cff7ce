/**
 * The focus of one project: which of its sessions are looked at, one truth for all its clients on
 * all gateways. A set is kept only if its version is above the one that is here; holes in the
 * versions are normal, as every message carries the whole set.
 */
import { Code, TermfleetError } from "./codes.ts";
import type { Connection } from "./connection.ts";
import type { Unsubscribe } from "./emitter.ts";
import type { JsonObject } from "./json.ts";
import type { Readable } from "./store.ts";
import { Store } from "./store.ts";

/** The sessions that are focused, and since which version. */
export interface FocusSet {
  focusedSessions: readonly string[];
  totalFocused: number;
  /** How many may be; one more takes the focus from the least active. */
  maxFocused: number;
  /** It only grows. */
  version: number;
}

/** The focus of a project. */
export interface FocusState extends FocusSet {
  projectId: string;
}

/** What shall become of a session's focus. */
export interface FocusChange {
  sessionId: string;
  focused: boolean;
}

/** How often `update` decides again after somebody else was faster. */
const MAX_CONFLICTS = 5;

/** Keeps one project's focus as the server tells it. */
export class FocusStore {
  readonly #state = new Store<FocusState | undefined>(undefined);
  readonly #unlisten: Unsubscribe;

  /** Hears what the connection hears: the project must be subscribed to, by this or by others. */
  constructor(
    private readonly connection: Connection,
    readonly projectId: string,
  ) {
    this.#unlisten = connection.events.on("message", (message) => {
      if (message.type === "focus_update") this.take(message);
    });
  }

  /** The newest set that is known; none before the first answer. */
  get state(): Readable<FocusState | undefined> {
    return this.#state;
  }

  isFocused(sessionId: string): boolean {
    return this.#state.get()?.focusedSessions.includes(sessionId) ?? false;
  }

  /** Subscribes to the project; the answer brings the set as it is. */
  async subscribe(): Promise<void> {
    const answer = await this.connection.request({ type: "subscribe", projectId: this.projectId });
    if (answer.type === "subscribed" && answer.focusState) this.take(answer.focusState);
  }

  /** Changes the focus of sessions, in this order, whatever others changed meanwhile. */
  change(changes: readonly FocusChange[]): Promise<FocusState> {
    return this.#send(changes, undefined);
  }

  /**
   * Changes the focus by what it is: `decide` is given the newest set, and again whenever somebody
   * else was faster. Without changes nothing is sent.
   */
  async update(
    decide: (now: FocusState | undefined) => readonly FocusChange[],
  ): Promise<FocusState | undefined> {
    for (let conflicts = 0; ; conflicts += 1) {
      const now = this.#state.get();
      const changes = decide(now);
      if (changes.length === 0) return now;
      try {
        return await this.#send(changes, now?.version);
      } catch (error) {
        const conflict = error instanceof TermfleetError && error.code === Code.VersionConflict;
        if (!conflict || !error.focusState || conflicts === MAX_CONFLICTS) throw error;
        this.take(error.focusState);
      }
    }
  }

  /** Takes a set that was read elsewhere, if it is newer. */
  take(state: FocusState): void {
    if (state.projectId !== this.projectId) return;
    if (state.version <= (this.#state.get()?.version ?? -1)) return;
    const { projectId, focusedSessions, totalFocused, maxFocused, version } = state;
    this.#state.set({ projectId, focusedSessions, totalFocused, maxFocused, version });
  }

  /** Hears no more. */
  close(): void {
    this.#unlisten();
  }

  async #send(
    changes: readonly FocusChange[],
    expectedVersion: number | undefined,
  ): Promise<FocusState> {
    const answer = await this.connection.request({
      type: "focus",
      projectId: this.projectId,
      changes,
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    });
    if (answer.type !== "focused") throw new TermfleetError(Code.InternalError);
    this.take(answer.focusState);
    return answer.focusState;
  }
}

/** A set as answers and messages carry it. */
export function readFocusSet(json: JsonObject): FocusSet {
  return {
    focusedSessions: json.texts("focusedSessions"),
    totalFocused: json.count("totalFocused"),
    maxFocused: json.count("maxFocused"),
    version: json.count("version"),
  };
}

export function readFocusState(json: JsonObject): FocusState {
  return { projectId: json.string("projectId"), ...readFocusSet(json) };
}
