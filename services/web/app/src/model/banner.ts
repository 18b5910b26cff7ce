/** What a tab says above its terminal, and what Enter does about it. Decided here, drawn elsewhere. */
import { type AttachmentState, Code, explain, type TermfleetError } from "@termfleet/client";

/** What can be done about a banner. */
export type Remedy = "restart" | "retry" | "take" | "sendAgain" | "forget";

export interface Banner {
  kind: "failed" | "exited" | "ended" | "doubt" | "watching" | "readonly" | "paused";
  text: string;
  /** The first is also on the Enter key, unless `keys` is false. */
  remedies: readonly { remedy: Remedy; label: string }[];
  /** Whether Enter, pressed in the terminal, is the first remedy. */
  keys: boolean;
}

/** What a banner is decided by. */
export interface Situation {
  /** Why there is no session. */
  failure: TermfleetError | undefined;
  attachment: AttachmentState | undefined;
  mode: string;
  role: string;
}

/** The signals that people have names for. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  6: "SIGABRT",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
};

export function bannerOf({ failure, attachment, mode, role }: Situation): Banner | undefined {
  if (failure) {
    const text = `No shell could be started. ${explain(failure.code, failure.message)}`;
    return { kind: "failed", text, remedies: [{ remedy: "retry", label: "Try again" }], keys: true };
  }
  if (!attachment) return undefined;
  if (attachment.exit) return exited(attachment.exit);
  if (attachment.phase === "ended" && attachment.error) return ended(attachment.error);
  if (attachment.doubt) return doubt(attachment.doubt);
  if (attachment.status === "suspended") {
    return note("paused", "This session is suspended: its programs stand still until it is resumed.");
  }
  if (attachment.status === "recovering") {
    return note("paused", "The session's worker is away. It goes on by itself as soon as it is back.");
  }
  if (attachment.driver !== "other") return undefined;
  if (mode === "readonly") return note("readonly", "This session is read-only.");
  if (role === "viewer") return note("readonly", "You may watch this session, not type in it.");
  return {
    kind: "watching",
    text: "Another window is typing in this terminal; you are watching.",
    remedies: [{ remedy: "take", label: "Take over" }],
    keys: true,
  };
}

function note(kind: Banner["kind"], text: string): Banner {
  return { kind, text, remedies: [], keys: false };
}

function exited({ exitCode, signal }: NonNullable<AttachmentState["exit"]>): Banner {
  return {
    kind: "exited",
    text: exitText(exitCode, signal),
    remedies: [{ remedy: "restart", label: "New shell" }],
    keys: true,
  };
}

function exitText(exitCode: number | undefined, signal: number | undefined): string {
  if (signal !== undefined) return `The shell was ended by ${SIGNALS[signal] ?? `signal ${signal}`}.`;
  if (exitCode !== undefined) return `The shell ended with exit code ${exitCode}.`;
  return "The shell has ended.";
}

function ended(error: TermfleetError): Banner {
  const gone = error.code === Code.SessionNotFound || error.code === Code.SessionEnded;
  const text = endText(error, gone);
  const remedies = gone
    ? ([{ remedy: "restart", label: "New shell" }] as const)
    : ([{ remedy: "retry", label: "Attach again" }] as const);
  return { kind: "ended", text, remedies, keys: true };
}

function endText(error: TermfleetError, gone: boolean): string {
  if (gone) return "This session is gone: it was closed elsewhere, or ended a while ago.";
  if (error.code === Code.TakenOver) {
    return "This terminal was opened again elsewhere with this tab's identity.";
  }
  return explain(error.code, error.message);
}

/** How much of what was typed is shown. */
const SHOWN_CHARS = 60;

function doubt(bytes: Uint8Array): Banner {
  const typed = new TextDecoder().decode(bytes);
  const line = typed.replaceAll(/\s+/g, " ").replaceAll(/\p{Cc}/gu, "").trim();
  const shown = line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)}…` : line;
  const what = shown === "" ? `${bytes.length} bytes` : `“${shown}”`;
  return {
    kind: "doubt",
    text: `A new shell was started. What you typed last (${what}) may have run in the old one, or not.`,
    remedies: [
      { remedy: "forget", label: "Forget it" },
      { remedy: "sendAgain", label: "Type it again" },
    ],
    // Enter may be meant for the shell: running something twice has to be chosen.
    keys: false,
  };
}
