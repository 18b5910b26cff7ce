/** The tabs, as a tab list with one stop for the Tab key and arrows within. */
import { useReadable } from "@termfleet/react";
import { type KeyboardEvent, type ReactElement, useEffect, useLayoutEffect, useRef } from "react";
import type { Tab } from "../model/tab.ts";
import type { Workspace } from "../model/workspace.ts";

export function TabStrip({ workspace }: { workspace: Workspace }): ReactElement {
  const { tabs, active, renaming } = useReadable(workspace.state);
  return (
    <div className="tabs">
      <div className="tab-list" role="tablist" aria-label="Terminals">
        {tabs.map((tab) => (
          <TabItem
            key={tab.key}
            workspace={workspace}
            tab={tab}
            selected={tab.key === active}
            renaming={tab.key === renaming}
          />
        ))}
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label="New terminal"
        title="New terminal (Ctrl+Shift+Enter)"
        data-testid="new-tab"
        onClick={() => workspace.newTab()}
      >
        +
      </button>
    </div>
  );
}

interface ItemProps {
  workspace: Workspace;
  tab: Tab;
  selected: boolean;
  renaming: boolean;
}

function TabItem({ workspace, tab, selected, renaming }: ItemProps): ReactElement {
  const { attention, progress, session } = useReadable(tab.state);
  useReadable(workspace.focus.state);
  const focused = session !== undefined && workspace.focus.isFocused(session.id);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const whole = element.current?.parentElement;
    if (selected) whole?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [selected]);
  const state = stateOf(tab);
  return (
    <div
      className="tab"
      role="presentation"
      data-selected={selected}
      data-shown={workspace.isShown(tab)}
      data-focused={focused}
      data-state={state}
    >
      {renaming ? (
        <NameField workspace={workspace} tab={tab} />
      ) : (
        <div
          ref={element}
          id={tab.key}
          role="tab"
          className="tab-label"
          tabIndex={selected ? 0 : -1}
          aria-selected={selected}
          aria-controls={`panel-${tab.key}`}
          aria-keyshortcuts="F2 Delete"
          title={focused ? `${tab.label}: somebody looks at it` : tab.label}
          data-testid="tab"
          data-session={tab.sessionId}
          onClick={() => workspace.select(tab)}
          onDoubleClick={() => workspace.startRenaming(tab)}
          onAuxClick={(event) => event.button === 1 && workspace.askToClose(tab)}
          onKeyDown={(event) => onTabKey(event, workspace, tab)}
        >
          <span className="tab-dot" aria-hidden="true" />
          <span className="tab-name">{tab.label}</span>
          {progress !== "" && <span className="tab-progress">{progress}</span>}
          {attention && <span className="tab-bell">wants you</span>}
          {state !== "live" && <span className="visually-hidden">{`, ${state}`}</span>}
          {focused && <span className="visually-hidden">, looked at</span>}
        </div>
      )}
      <button
        type="button"
        className="tab-close"
        tabIndex={-1}
        aria-label={`Close ${tab.label}`}
        title="Close (Ctrl+Shift+X)"
        data-testid="close-tab"
        onClick={() => workspace.askToClose(tab)}
      >
        ×
      </button>
    </div>
  );
}

/** How a tab stands, in a word that is also read out. */
function stateOf(tab: Tab): "live" | "starting" | "ended" | "watching" {
  const { phase, attachment } = tab.state.get();
  if (phase === "failed" || attachment?.exit || attachment?.phase === "ended") return "ended";
  if (attachment?.driver === "other") return "watching";
  return attachment?.phase === "live" ? "live" : "starting";
}

function onTabKey(event: KeyboardEvent, workspace: Workspace, tab: Tab): void {
  const { tabs } = workspace.state.get();
  const choose = (to: Tab | undefined): void => {
    if (to) workspace.select(to, false);
    workspace.focusTab(to);
  };
  const at = tabs.indexOf(tab);
  const keys: Record<string, () => void> = {
    ArrowRight: () => choose(tabs[(at + 1) % tabs.length]),
    ArrowLeft: () => choose(tabs.at(at - 1)),
    Home: () => choose(tabs[0]),
    End: () => choose(tabs.at(-1)),
    F2: () => workspace.startRenaming(tab),
    Delete: () => workspace.askToClose(tab),
    Enter: () => workspace.focusTerminal(),
    " ": () => workspace.focusTerminal(),
    ArrowDown: () => workspace.focusTerminal(),
    Escape: () => workspace.focusTerminal(),
  };
  const act = keys[event.key];
  if (!act || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  act();
}

function NameField({ workspace, tab }: { workspace: Workspace; tab: Tab }): ReactElement {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.select(), []);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== "Escape") return;
    // What this key would type goes to whatever has the focus by then: the shell.
    event.preventDefault();
    workspace.endRenaming(tab, event.key === "Enter" ? event.currentTarget.value : undefined);
  };
  return (
    <input
      ref={field}
      className="tab-field"
      aria-label="Tab name"
      data-testid="tab-name-field"
      defaultValue={tab.label}
      maxLength={80}
      onKeyDown={onKeyDown}
      onBlur={(event) => workspace.endRenaming(tab, event.currentTarget.value)}
    />
  );
}
