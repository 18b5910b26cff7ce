/** Sockets as this package needs them: the platform's own, one that is brought along, a test's. */

/** What is needed of a WebSocket: the seam at which tests stand in for a server. */
export interface Socket {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type OpenSocket = (url: string, protocol: string) => Socket;

/** A class whose objects are like the platform's own WebSockets; that of the package `ws` is one. */
export type WebSocketClass = new (url: string, protocol: string) => object;

/** Opens sockets of this class, or of the platform's own; throws if there is neither. */
export function opener(brought: WebSocketClass | undefined): OpenSocket {
  const Class = brought ?? (globalThis.WebSocket as WebSocketClass | undefined);
  if (!Class) {
    throw new TypeError("this platform has no WebSocket: give a class as the option `webSocket`");
  }
  return (url, protocol) => new Class(url, protocol) as Socket;
}
