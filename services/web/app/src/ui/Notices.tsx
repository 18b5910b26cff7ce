/** What went wrong and belongs to no tab; each goes by itself, or when it is told to. */
import { useReadable } from "@termfleet/react";
import { type ReactElement, useEffect } from "react";
import type { Notice, Workspace } from "../model/workspace.ts";

/** Long enough to read two sentences twice. */
const SHOWN_MS = 12_000;

export function Notices({ workspace }: { workspace: Workspace }): ReactElement {
  const { notices } = useReadable(workspace.state);
  return (
    <div className="notices" role="alert">
      {notices.map((notice) => (
        <Item key={notice.id} workspace={workspace} notice={notice} />
      ))}
    </div>
  );
}

function Item({ workspace, notice }: { workspace: Workspace; notice: Notice }): ReactElement {
  useEffect(() => {
    const timer = setTimeout(() => workspace.dismiss(notice.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [workspace, notice.id]);
  return (
    <div className="notice" data-tone={notice.tone} data-testid="notice">
      <p>{notice.text}</p>
      <button
        type="button"
        className="icon-button"
        aria-label="Dismiss"
        onClick={() => workspace.dismiss(notice.id)}
      >
        ×
      </button>
    </div>
  );
}
