/** A value that can be watched. React's `useSyncExternalStore` takes it as it is. */
import type { Unsubscribe } from "./emitter.ts";

/** What readers of a store see. */
export interface Readable<T> {
  get(): T;
  subscribe(listener: () => void): Unsubscribe;
}

export class Store<T> implements Readable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  /** Replaces the value; nobody is told of the same value again. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  readonly subscribe = (listener: () => void): Unsubscribe => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** A store of an object whose fields change one by one. */
export class Fields<T extends object> extends Store<T> {
  /** Changes some fields; nobody is told if none of them differs. */
  patch(change: Partial<T>): void {
    const now = this.get();
    const keys = Object.keys(change) as (keyof T)[];
    if (keys.some((key) => !Object.is(now[key], change[key]))) this.set({ ...now, ...change });
  }
}
