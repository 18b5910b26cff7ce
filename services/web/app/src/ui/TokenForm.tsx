/** Takes a token, or the URL that carries one. */
import { type FormEvent, type ReactElement, useState } from "react";
import { pastedToken } from "../model/entry.ts";

interface Props {
  label: string;
  action: string;
  autoFocus: boolean;
  onToken(token: string): void;
}

export function TokenForm({ label, action, autoFocus, onToken }: Props): ReactElement {
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const text = new FormData(event.currentTarget).get("token");
    const token = typeof text === "string" ? pastedToken(text) : undefined;
    setWrong(token === undefined);
    if (token !== undefined) onToken(token);
  };
  return (
    <form className="token-form" onSubmit={submit}>
      <label>
        <span>{label}</span>
        <input
          name="token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          autoFocus={autoFocus}
          aria-invalid={wrong}
          aria-describedby={wrong ? "token-wrong" : undefined}
          data-testid="token"
        />
      </label>
      <button type="submit" className="primary" data-testid="sign-in">
        {action}
      </button>
      {wrong && (
        <p id="token-wrong" className="wrong" role="alert">
          That is neither a token nor a URL with one. A token has three parts with dots between.
        </p>
      )}
    </form>
  );
}
