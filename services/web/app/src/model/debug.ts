/** `window.termfleet`: what tests and curious people ask a page. It shows; it never types. */
import type { AttachmentStats } from "@termfleet/client";
import type { Workspace } from "./workspace.ts";

export interface TabReport {
  key: string;
  sessionId: string | undefined;
  label: string;
  active: boolean;
  /** It is on the screen. */
  shown: boolean;
  /** Somebody looks at it, here or elsewhere. */
  focused: boolean;
  phase: string;
  driver: string;
  exit: { exitCode?: number; signal?: number } | undefined;
  banner: string | undefined;
  cols: number;
  rows: number;
  /** How it is fed. */
  tier: string | undefined;
  /** It rang, or had news, while nobody looked. */
  attention: boolean;
  /** How often its screen was compared with the server's, and what came of it. */
  checks: AttachmentStats;
}

export interface DebugHandle {
  /** The text on the screen of a tab (its key or session id), or of the active one. */
  screen(tab?: string): string;
  /** The same with everything that has scrolled off. */
  buffer(tab?: string): string;
  tabs(): TabReport[];
  /** `idle`, `connecting`, `connected`, `disconnected` or `refused`. */
  connection(): string;
}

declare global {
  interface Window {
    termfleet?: DebugHandle;
  }
}

export function debugHandle(workspace: Workspace): DebugHandle {
  const text = (name: string | undefined, scrollback: boolean): string => {
    const { tabs } = workspace.state.get();
    const named = tabs.find((tab) => tab.key === name || tab.sessionId === name);
    return (name === undefined ? workspace.activeTab : named)?.surface.text(scrollback) ?? "";
  };
  return {
    screen: (tab) => text(tab, false),
    buffer: (tab) => text(tab, true),
    connection: () => workspace.connection.state.get().phase,
    tabs: () =>
      workspace.state.get().tabs.map((tab) => {
        const { attachment, phase, attention } = tab.state.get();
        return {
          key: tab.key,
          sessionId: tab.sessionId,
          label: tab.label,
          active: tab === workspace.activeTab,
          shown: workspace.isShown(tab),
          focused: tab.sessionId !== undefined && workspace.focus.isFocused(tab.sessionId),
          phase: attachment?.phase ?? phase,
          driver: attachment?.driver ?? "unknown",
          exit: attachment?.exit,
          banner: tab.banner?.kind,
          cols: tab.surface.terminal.cols,
          rows: tab.surface.terminal.rows,
          tier: attachment?.tier,
          attention,
          checks: tab.checks,
        };
      }),
  };
}
