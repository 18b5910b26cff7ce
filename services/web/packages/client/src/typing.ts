/**
 * The input half of an attachment: what is typed waits in its lane, is sent as far as the server
 * has room, and again from where the server wants it. What must not be sent again is in doubt, and
 * handed back. Whether anybody may type is the attachment's (`attachment.ts`).
 */
import { Code } from "./codes.ts";
import { InputLane, type Piece } from "./lane.ts";
import type { Attached } from "./messages.ts";

/** What it needs of its attachment. */
export interface TypingHost {
  /** The most that one frame may carry. */
  maxBytes(): number;
  /** Is there a channel that takes input now? */
  open(): boolean;
  sendInput(piece: Piece): void;
  /** These bytes cannot be given any more to a server that wants others. */
  doubted(doubt: Uint8Array): void;
}

export class Typing {
  readonly #lane = new InputLane();

  constructor(private readonly host: TypingHost) {}

  /** The offset after everything that was typed. */
  get end(): number {
    return this.#lane.end;
  }

  /** Types. False if too much is waiting already. */
  push(data: Uint8Array): boolean {
    const taken = this.#lane.push(data);
    this.pump();
    return taken;
  }

  /** All input before `offset` is written: there is room for more. */
  acked(offset: number): void {
    this.#lane.acked(offset);
  }

  /** A channel begins, or goes on. What was typed for a shell that is no more is returned. */
  begin(message: Attached): Uint8Array | undefined {
    return this.#lane.attached(message.epoch, message.nextInputOffset);
  }

  /** The server wants input from `next` on. */
  again(next: number, code: number): void {
    const doubt = this.#lane.rewind(next) ? undefined : this.#lane.lost(next);
    if (doubt) this.host.doubted(doubt);
    // With a full window the next acknowledgement makes room; it comes if anything is in flight.
    if (code === Code.InputGap || !this.#lane.inFlight) this.pump();
  }

  /** Refused from `next` on: it would otherwise be typed later, when nobody expects it. */
  refused(next: number): void {
    this.#lane.truncate(next);
  }

  /** Sends what there is room for. */
  pump(): void {
    while (this.host.open()) {
      const piece = this.#lane.take(this.host.maxBytes());
      if (!piece) return;
      this.host.sendInput(piece);
    }
  }
}
