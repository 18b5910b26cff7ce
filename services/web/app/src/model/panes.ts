/**
 * How many terminals the page shows at once, and where each has its place. The tabs are taken in
 * groups, in their order; the group of the active tab is what is shown. Hidden tabs have places too,
 * so that they know their size when they are shown.
 */

/** One terminal, two beside each other, or four. */
export type Layout = 1 | 2 | 4;
export const LAYOUTS: readonly Layout[] = [1, 2, 4];

export interface Pane {
  /** Which place of its group a tab has, from 0. */
  at: number;
  /** How many its group has: three of them in a layout of four have a place each. */
  of: number;
}

/** The pane of the tab with this index, among so many. */
export function paneOf(index: number, tabs: number, layout: Layout): Pane {
  const at = index % layout;
  const first = index - at;
  return { at, of: Math.min(layout, tabs - first) };
}

/** Is the tab with this index shown while that other one is active? */
export function isShown(index: number, active: number, layout: Layout): boolean {
  return active >= 0 && Math.floor(index / layout) === Math.floor(active / layout);
}

/** The layout after this one. */
export function nextLayout(layout: Layout): Layout {
  return LAYOUTS[(LAYOUTS.indexOf(layout) + 1) % LAYOUTS.length] ?? 1;
}

/** What was kept of a layout, if it is one. */
export function readLayout(text: string | null): Layout {
  return LAYOUTS.find((layout) => String(layout) === text) ?? 1;
}
