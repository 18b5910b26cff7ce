/**
 * Keeps the project's focus in step with what this page shows. Other pages have their own say: what
 * they focused is left to them, and only a choice made here may take the focus from another session.
 *
 * Two pages never fight: what lost the focus is given it again only where there is room, and giving
 * it where there is room takes it from nobody.
 */
import { Code, type FocusChange, type FocusStore, TermfleetError } from "@termfleet/client";

export class FocusKeeper {
  /** The sessions on the screen, the active one last. */
  #shown: readonly string[] = [];
  /** Those of them that were chosen since the last change. */
  #chosen = new Set<string>();
  /** Those that have the focus from this page. */
  readonly #given = new Set<string>();
  #sending = false;
  /** This user may not change the focus. */
  #forbidden = false;

  constructor(private readonly focus: FocusStore) {
    focus.state.subscribe(() => this.#settle());
  }

  /** These sessions are on the screen now, and no others. */
  show(sessions: readonly string[]): void {
    for (const id of sessions) {
      if (!this.#shown.includes(id)) this.#chosen.add(id);
    }
    this.#shown = sessions;
    this.#settle();
  }

  #settle(): void {
    if (this.#sending || this.#forbidden) return;
    const changes = this.#changes();
    if (changes.length > 0) void this.#send(changes);
  }

  #changes(): FocusChange[] {
    const now = this.focus.state.get();
    // A server that does not tell the focus has none.
    if (!now) return [];
    const left = [...this.#given].filter((id) => !this.#shown.includes(id));
    for (const id of left) this.#given.delete(id);
    const blurred = left.filter((id) => this.focus.isFocused(id));
    let room = now.maxFocused - now.totalFocused + blurred.length;
    const focused = this.#shown.filter((id) => {
      if (this.focus.isFocused(id)) return false;
      return this.#chosen.has(id) || room-- > 0;
    });
    this.#chosen.clear();
    return [
      ...blurred.map((sessionId) => ({ sessionId, focused: false })),
      ...focused.map((sessionId) => ({ sessionId, focused: true })),
    ];
  }

  async #send(changes: readonly FocusChange[]): Promise<void> {
    this.#sending = true;
    try {
      await this.focus.change(changes);
      for (const { sessionId, focused } of changes) if (focused) this.#given.add(sessionId);
    } catch (error) {
      // Nothing of it was done. The next change of anything, or the next connection, tries again.
      if (!(error instanceof TermfleetError)) throw error;
      this.#forbidden = error.code === Code.Forbidden;
      this.#sending = false;
      return;
    }
    this.#sending = false;
    this.#settle();
  }
}
