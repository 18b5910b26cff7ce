/** A store's value in a component, which is drawn again whenever it changes. */
import type { Readable } from "@termfleet/client";
import { useSyncExternalStore } from "react";

export function useReadable<T>(store: Readable<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
