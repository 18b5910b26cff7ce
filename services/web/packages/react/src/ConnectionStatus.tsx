/** How the connection stands, for eyes and for screen readers. */
import type { Connection, ConnectionState } from "@termfleet/client";
import { type ReactElement, useEffect, useState } from "react";
import { useReadable } from "./useReadable.ts";

export type StatusName = "connecting" | "connected" | "disconnected" | "error";

/** The four words that a connection's state is told in. */
export function statusName(state: ConnectionState): StatusName {
  switch (state.phase) {
    case "connecting":
    case "connected":
      return state.phase;
    case "idle":
    case "disconnected":
      return "disconnected";
    case "refused":
      return "error";
  }
}

const WORDS: Record<StatusName, string> = {
  connecting: "Connecting",
  connected: "Connected",
  disconnected: "Disconnected",
  error: "Error",
};

export function ConnectionStatus({ connection }: { connection: Connection }): ReactElement {
  const state = useReadable(connection.state);
  const name = statusName(state);
  return (
    <div className="termfleet-status" data-state={name} data-testid="connection-status">
      <span className="termfleet-status-dot" aria-hidden="true" />
      <span role="status">{WORDS[name]}</span>
      {state.phase === "disconnected" && (
        <>
          <Countdown until={state.retryAt} />
          <button type="button" onClick={() => connection.probe()}>
            Try now
          </button>
        </>
      )}
    </div>
  );
}

/** Seconds to go; not read out, as it would never be silent. */
function Countdown({ until }: { until: number }): ReactElement | null {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((until - now) / 1000);
  return seconds > 0 ? <span aria-hidden="true">{`retry in ${seconds} s`}</span> : null;
}
