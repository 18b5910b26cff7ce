/** Typed events: the smallest emitter that an SDK needs. */

export type Unsubscribe = () => void;

/** `Events` maps an event's name to what its listeners are given. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls `listener` at every such event until the returned function is called. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (value: Events[Name]) => void,
  ): Unsubscribe {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Tells every listener; one that throws does not keep it from the others. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (error) {
        // Reported as uncaught, with its stack, after this event has reached everybody.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
