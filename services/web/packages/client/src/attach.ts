/** What an attachment is made with, what it needs, what it tells: `attachment.ts` does the work. */
import type { Attachment } from "./attachment.ts";
import type { TermfleetError } from "./codes.ts";
import type { Reason } from "./frames.ts";
import type { Link } from "./link.ts";
import type { SessionEvent, Tier } from "./messages.ts";

/** Where output is drawn. Calls take effect in their order. */
export interface Screen {
  /** Clears everything and takes this size: a snapshot follows. */
  reset(cols: number, rows: number): void;
  /**
   * Clears what it shows and takes this size, and keeps what has scrolled away: a snapshot of the
   * screen alone follows. A screen without this and {@link above} is reset,
   * and gets scrollback with the snapshot.
   */
  redraw?(cols: number, rows: number): void;
  /** The text that stands just above what is shown, without spaces: 200 characters, if there are so many. */
  above?(): string;
  /** Takes this size: the session's. */
  resize(cols: number, rows: number): void;
  /** Draws bytes, then calls `parsed`. In a `replay` terminal queries are not answered. */
  write(data: Uint8Array, replay: boolean, parsed: () => void): void;
  /** The {@link fingerprint} of what is drawn; a screen without one is never compared. */
  digest?(): string;
}

/** How a process ended. */
export interface Exit {
  exitCode?: number;
  signal?: number;
}

/** That part of a message: what is not known is absent. */
export function exitOf({ exitCode, signal }: Exit): Exit {
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
  };
}

export interface AttachmentState {
  /** `waiting`: for a connection; `ended`: for good. */
  phase: "waiting" | "attaching" | "live" | "ended";
  /** Who may type. `unknown` until the first answer. */
  driver: "unknown" | "me" | "other" | "nobody";
  /** The session's own size, which is that of its driver. */
  cols: number;
  rows: number;
  /** The session's status, as the server names it. */
  status: string;
  /** How this client is fed. */
  tier: Tier;
  /** The server answers what programs ask of their terminal; else the driver's terminal does. */
  answersQueries: boolean;
  /** Set once the process has ended. */
  exit: Exit | undefined;
  /** Why it ended, if not on purpose. */
  error: TermfleetError | undefined;
  /** Typed for a shell that is no more, and perhaps run by it: the user decides. */
  doubt: Uint8Array | undefined;
}

/** What is known before the first answer. */
export function initialState(cols: number, rows: number): AttachmentState {
  return {
    phase: "waiting",
    driver: "unknown",
    cols,
    rows,
    status: "active",
    tier: "live",
    answersQueries: false,
    exit: undefined,
    error: undefined,
    doubt: undefined,
  };
}

export interface AttachmentEvents {
  /** A channel stands; `recovered`: not one byte was lost. */
  attached: { recovered: boolean; reason?: Reason };
  /** All input before `offset` is written, and all before `echo` was at least 50 ms ago. */
  acked: { offset: number; echo: number };
  /** Something was refused: input, control. The attachment goes on. */
  refused: TermfleetError;
  /** Something happened in the session. */
  event: SessionEvent;
  /** The screen was not the one that the server has: it is being drawn anew. */
  repaired: number;
}

/** How often the screen was compared with the server's, and what came of it. */
export interface AttachmentStats {
  same: number;
  differs: number;
  /** Output or a resize got in the way. */
  missed: number;
}

export interface AttachOptions {
  screen: Screen;
  cols: number;
  rows: number;
  /** How to be fed: every byte (`live`) unless told otherwise. */
  tier?: Tier;
  /** Rows of scrollback that a snapshot may bring. */
  snapshotRows?: number;
  /** The epoch of a session that this client has just created: it then gets every byte of it. */
  startEpoch?: number;
}

/** What an attachment needs of its connection. */
export interface AttachmentHost {
  readonly clientId: string;
  nextAttempt(): number;
  readonly maxInputBytes: number;
  /** Frames of this channel belong to the attachment from now on. */
  bind(link: Link, channel: number, attachment: Attachment): void;
  /** The channel has ended: its late frames belong to nobody. */
  unbind(link: Link, channel: number): void;
  /** An attachment has moved to a link, or has given up on it. */
  settled(attachment: Attachment, link: Link): void;
  /** The attachment is over. */
  release(attachment: Attachment): void;
}
