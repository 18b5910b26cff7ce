/** One line of facts about the active tab. */
import { useReadable } from "@termfleet/react";
import { type ReactElement, useEffect } from "react";
import type { Tab } from "../model/tab.ts";
import type { Workspace } from "../model/workspace.ts";

interface Props {
  workspace: Workspace;
  tab: Tab | undefined;
}

export function StatusLine({ workspace, tab }: Props): ReactElement {
  const { latency } = useReadable(workspace.state);
  const connection = useReadable(workspace.connection.state);
  return (
    <footer className="status-line" data-testid="status-line">
      <span className="fact">
        <span className="fact-name">project</span> {workspace.project}
      </span>
      {tab && <TabFacts tab={tab} key={tab.key} />}
      <span className="gap" />
      {connection.phase === "connected" && (
        <span className="fact" title={`Signed in as ${connection.welcome.user.role}`}>
          {connection.welcome.user.id}
        </span>
      )}
      {latency !== undefined && (
        <span className="fact" title="A heartbeat's way to the server and back">
          {`${latency} ms`}
        </span>
      )}
    </footer>
  );
}

/** How a driver is told of it. */
const SEATS = { unknown: "", me: "typing", other: "watching", nobody: "nobody types" } as const;

function TabFacts({ tab }: { tab: Tab }): ReactElement {
  const { session, attachment, directory } = useReadable(tab.state);
  const { label } = tab;
  useEffect(() => {
    document.title = `${label} · Termfleet`;
  }, [label]);
  const seat = attachment?.phase === "live" ? SEATS[attachment.driver] : "";
  return (
    <>
      {session && (
        <span className="fact">
          <span className="fact-name">shell</span> {session.shell.split("/").at(-1)}
        </span>
      )}
      {directory !== "" && (
        <span className="fact fact-path" data-testid="directory" title={directory}>
          <span className="fact-name">in</span> {directory}
        </span>
      )}
      {attachment && (
        <span className="fact" data-testid="size">
          {`${attachment.cols}×${attachment.rows}`}
        </span>
      )}
      {seat !== "" && (
        <span className="fact" data-testid="seat" data-driver={attachment?.driver}>
          {seat}
        </span>
      )}
    </>
  );
}
