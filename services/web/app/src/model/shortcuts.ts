/**
 * The keys that belong to the page. None of them means anything to a shell, and none is one that a
 * browser keeps for itself (as it does Ctrl+Shift+T, N and W).
 */

export type Action =
  | "new"
  | "close"
  | "next"
  | "previous"
  | "rename"
  | "tabs"
  | "copy"
  | "paste"
  | "panes"
  | "refresh"
  | "help";

export interface Shortcut {
  action: Action;
  /** `KeyboardEvent.code`: the same place on every layout. */
  code: string;
  /** How it is written for people. */
  keys: string;
  text: string;
}

/** All of them are with Ctrl and Shift. */
export const SHORTCUTS: readonly Shortcut[] = [
  { action: "new", code: "Enter", keys: "Ctrl+Shift+Enter", text: "New terminal" },
  { action: "close", code: "KeyX", keys: "Ctrl+Shift+X", text: "Close this terminal" },
  { action: "next", code: "ArrowRight", keys: "Ctrl+Shift+→", text: "Next tab" },
  { action: "previous", code: "ArrowLeft", keys: "Ctrl+Shift+←", text: "Previous tab" },
  { action: "tabs", code: "ArrowUp", keys: "Ctrl+Shift+↑", text: "Go to the tabs" },
  { action: "rename", code: "KeyE", keys: "Ctrl+Shift+E", text: "Rename this tab" },
  { action: "panes", code: "KeyG", keys: "Ctrl+Shift+G", text: "One, two or four terminals at once" },
  { action: "refresh", code: "KeyL", keys: "Ctrl+Shift+L", text: "Draw this terminal anew" },
  { action: "copy", code: "KeyC", keys: "Ctrl+Shift+C", text: "Copy the selection" },
  { action: "paste", code: "KeyV", keys: "Ctrl+Shift+V", text: "Paste" },
  { action: "help", code: "Slash", keys: "Ctrl+Shift+?", text: "Show this help" },
];

/** Other keys worth knowing, for the help. */
export const OTHER_KEYS: readonly { keys: string; text: string }[] = [
  { keys: "Enter", text: "In a terminal that has ended: a new shell. In one that you watch: take over." },
  { keys: "← → Home End", text: "In the tabs: choose a tab" },
  { keys: "F2", text: "In the tabs: rename" },
  { keys: "Delete", text: "In the tabs: close" },
  { keys: "Esc", text: "From the tabs back to the terminal" },
];

type Key = Pick<KeyboardEvent, "code" | "key" | "ctrlKey" | "shiftKey" | "altKey" | "metaKey">;

/** What a key is for, if it is for the page. */
export function actionOf(event: Key): Action | undefined {
  if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return undefined;
  // The question mark is elsewhere on many layouts.
  if (event.key === "?") return "help";
  return SHORTCUTS.find((shortcut) => shortcut.code === event.code)?.action;
}

/** A plain Enter, without anything held down. */
export function isEnter(event: Key): boolean {
  const held = event.ctrlKey || event.shiftKey || event.altKey || event.metaKey;
  return event.key === "Enter" && !held;
}
