/** What a visitor without a (good) token sees: why, which command prints one, and where to put it. */
import { Code, type TermfleetError } from "@termfleet/client";
import type { ReactElement } from "react";
import type { Workspace } from "../model/workspace.ts";
import { Mark } from "./Mark.tsx";
import { TokenForm } from "./TokenForm.tsx";

interface Props {
  workspace: Workspace;
  error: TermfleetError;
}

export function SignIn({ workspace, error }: Props): ReactElement {
  const { title, text } = explanation(error, workspace.hasToken);
  return (
    <div className="sign-in" data-testid="sign-in-page" data-code={error.code}>
      <section className="sign-in-card" aria-labelledby="sign-in-title">
        <Mark />
        <h2 id="sign-in-title">{title}</h2>
        <p role="alert">{text}</p>
        <dl className="commands">
          <dt>
            <code>termfleet dev</code>
          </dt>
          <dd>starts a server on this machine and prints a URL that signs you in.</dd>
          <dt>
            <code>termfleet token</code>
          </dt>
          <dd>prints a token for the server that runs already. It is good for 30 days.</dd>
        </dl>
        <TokenForm
          label="Token, or the printed URL"
          action="Sign in"
          autoFocus
          onToken={(token) => void workspace.signIn(token)}
        />
        <p className="fine">
          The token stays in this browser tab. <abbr title={error.codeName}>Code {error.code}</abbr>
        </p>
      </section>
    </div>
  );
}

function explanation(error: TermfleetError, hadToken: boolean): { title: string; text: string } {
  if (error.code === Code.TokenExpired) {
    return {
      title: "Your token has expired",
      text: "Your shells are still running. Sign in again and they are back.",
    };
  }
  if (error.code === Code.Forbidden) {
    return {
      title: "You may not come in with this token",
      text: "It was recognised, but its role does not allow this. Ask for another one.",
    };
  }
  if (hadToken) {
    return {
      title: "This token is not accepted",
      text: "It was made for another server, or damaged on its way. Sign in with a new one.",
    };
  }
  return { title: "Sign in", text: "This server opens a shell only for people it knows." };
}
