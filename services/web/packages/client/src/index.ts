/**
 * `@termfleet/client`: terminals over WebSockets that survive lost connections, exactly.
 *
 * A {@link Connection} stays connected; an {@link Attachment} is one session on it; `xterm.ts` (its
 * own entry point) draws one with xterm.js; {@link TerminalApi} is the REST interface.
 */
export type {
  AttachmentEvents,
  AttachmentState,
  AttachmentStats,
  AttachOptions,
  Exit,
  Screen,
} from "./attach.ts";
export { Attachment } from "./attachment.ts";
export { Code, type CodeEntry, CODES, explain, type Retry, TermfleetError } from "./codes.ts";
export {
  Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type ConnectionState,
} from "./connection.ts";
export { Emitter, type Unsubscribe } from "./emitter.ts";
export { type FocusChange, type FocusSet, type FocusState, FocusStore } from "./focus.ts";
export {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameError,
  type Inflate,
  type Reason,
  REASONS,
} from "./frames.ts";
export { claimIdentity, freshIdentity, type Identity } from "./identity.ts";
export type {
  ClientMessage,
  ControlAction,
  ProgressState,
  ServerMessage,
  SessionEvent,
  Tier,
  Welcome,
} from "./messages.ts";
export { socketUrl, watchPage } from "./page.ts";
export {
  type ApiOptions,
  type HistoryOptions,
  type HistoryPage,
  type Metrics,
  type Project,
  type ScreenFormat,
  type SessionPatch,
  TerminalApi,
  type Ticket,
} from "./rest.ts";
export {
  type CreateSession,
  isAlive,
  type Session,
  type SessionConfig,
  type SessionStatus,
} from "./session.ts";
export type { OpenSocket, Socket, WebSocketClass } from "./socket.ts";
export { Fields, type Readable, Store } from "./store.ts";
