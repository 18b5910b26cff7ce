/** Shown in the last minute of a token: a new one goes on without a break. */
import { useReadable } from "@termfleet/react";
import type { ReactElement } from "react";
import type { Workspace } from "../model/workspace.ts";
import { TokenForm } from "./TokenForm.tsx";

export function TokenBar({ workspace }: { workspace: Workspace }): ReactElement | null {
  const { tokenExpires } = useReadable(workspace.state);
  if (tokenExpires === undefined) return null;
  const at = new Date(tokenExpires).toLocaleTimeString();
  return (
    <div className="banner" data-kind="token" role="status" data-testid="token-expiring">
      <p>
        Your token expires at {at}. Your shells go on; this page needs a new token, which{" "}
        <code>termfleet token</code> prints.
      </p>
      <TokenForm
        label="New token"
        action="Go on"
        autoFocus={false}
        onToken={(token) => void workspace.signIn(token)}
      />
    </div>
  );
}
