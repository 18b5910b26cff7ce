/**
 * The page: tabs above, the terminal, a line of facts below. What a tab has to say lies over that
 * line, so that no terminal changes its size because of it.
 */
import { ConnectionStatus, TerminalView, useReadable } from "@termfleet/react";
import { type ReactElement, useEffect } from "react";
import { paneOf } from "../model/panes.ts";
import { actionOf } from "../model/shortcuts.ts";
import type { Workspace } from "../model/workspace.ts";
import { BannerBar } from "./BannerBar.tsx";
import { CloseDialog } from "./CloseDialog.tsx";
import { HelpDialog } from "./HelpDialog.tsx";
import { LayoutSwitch } from "./LayoutSwitch.tsx";
import { Mark } from "./Mark.tsx";
import { Notices } from "./Notices.tsx";
import { SignIn } from "./SignIn.tsx";
import { StatusLine } from "./StatusLine.tsx";
import { TabStrip } from "./TabStrip.tsx";
import { TokenBar } from "./TokenBar.tsx";

export function App({ workspace }: { workspace: Workspace }): ReactElement {
  const { tabs, active, layout, loaded, dialog } = useReadable(workspace.state);
  const connection = useReadable(workspace.connection.state);
  const refused = connection.phase === "refused" ? connection.error : undefined;
  useShortcuts(workspace, refused === undefined);
  const tab = tabs.find((each) => each.key === active);
  return (
    <div className="app">
      <div className="page" inert={refused !== undefined}>
        <header className="top">
          <Mark />
          <TabStrip workspace={workspace} />
          <LayoutSwitch workspace={workspace} />
          <ConnectionStatus connection={workspace.connection} />
          <button
            type="button"
            className="icon-button"
            aria-label="Refresh"
            title="Draw this terminal anew, from what the server has (Ctrl+Shift+L)"
            data-testid="refresh"
            onClick={() => {
              workspace.refresh();
              workspace.focusTerminal();
            }}
          >
            ↻
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (Ctrl+Shift+?)"
            aria-haspopup="dialog"
            data-testid="help"
            onClick={() => workspace.setDialog("help")}
          >
            ?
          </button>
        </header>
        <TokenBar workspace={workspace} />
        {tab && <BannerBar tab={tab} key={`banner-${tab.key}`} />}
        <main className="panes" aria-label="Terminal">
          {tabs.map((each, index) => (
            <TerminalView
              key={each.key}
              surface={each.surface}
              visible={workspace.isShown(each)}
              active={each.key === active}
              pane={paneOf(index, tabs.length, layout)}
              id={`panel-${each.key}`}
              labelledBy={each.key}
              onFocus={() => workspace.select(each, false)}
            />
          ))}
          {tabs.length === 0 && <Nothing workspace={workspace} loaded={loaded} />}
        </main>
        <StatusLine workspace={workspace} tab={tab} />
      </div>
      <Notices workspace={workspace} />
      {dialog === "help" && <HelpDialog workspace={workspace} />}
      {dialog === "close" && tab && <CloseDialog workspace={workspace} tab={tab} />}
      {refused && <SignIn workspace={workspace} error={refused} />}
    </div>
  );
}

/** The page's keys work wherever the focus is, but in a dialog. */
function useShortcuts(workspace: Workspace, enabled: boolean): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const action = actionOf(event);
      if (!action || !enabled || workspace.state.get().dialog !== "none") return;
      if (!workspace.perform(action)) return;
      event.preventDefault();
      event.stopPropagation();
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [workspace, enabled]);
}

function Nothing({ workspace, loaded }: { workspace: Workspace; loaded: boolean }): ReactElement {
  if (!loaded) return <p className="nothing">Looking for your terminals…</p>;
  return (
    <div className="nothing">
      <p>No terminal is open.</p>
      <button
        type="button"
        className="primary"
        data-testid="first-terminal"
        onClick={() => workspace.newTab()}
      >
        New terminal
      </button>
    </div>
  );
}
