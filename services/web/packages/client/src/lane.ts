/**
 * One client's input to one shell, exactly once: every byte has an offset, what is not yet known to
 * be written is kept, and after a resume sending goes on where the server says.
 *
 * ```text
 *   base            sent                  end
 *    │ in flight     │ waiting for window  │
 *    ├───────────────┼─────────────────────┤
 *    ▲ input_ack     ▲ ≤ base + 64 KiB     ▲ typed
 * ```
 */

/** What may be in flight beyond `input_ack`; beyond it the server writes nothing. */
export const INPUT_WINDOW_BYTES = 64 * 1024;
/** What is kept of a paste that the shell does not read: bounded, and far above any real paste. */
export const MAX_PENDING_BYTES = 8 * 1024 * 1024;

/** Bytes to send, and where they begin. */
export interface Piece {
  offset: number;
  data: Uint8Array;
}

export class InputLane {
  #epoch: number | undefined;
  /** Offset of the first byte that is kept: all before it is written. */
  #base = 0;
  #sent = 0;
  #end = 0;
  /** The bytes from `base` to `end`, as they were typed. */
  #chunks: Uint8Array[] = [];
  /** How much of the first chunk lies before `base`. */
  #skip = 0;

  /** Bytes that are not known to be written. */
  get pending(): number {
    return this.#end - this.#base;
  }

  /** The offset after everything that was typed. */
  get end(): number {
    return this.#end;
  }

  /** Queues bytes; false (and nothing queued) if there would be too many. */
  push(data: Uint8Array): boolean {
    if (this.pending + data.length > MAX_PENDING_BYTES) return false;
    if (data.length > 0) this.#chunks.push(data.slice());
    this.#end += data.length;
    return true;
  }

  /** The next piece that the window has room for. */
  take(maxBytes: number): Piece | undefined {
    const room = this.#base + INPUT_WINDOW_BYTES - this.#sent;
    const length = Math.min(room, maxBytes, this.#end - this.#sent);
    if (length <= 0) return undefined;
    const piece = { offset: this.#sent, data: this.#copy(this.#sent - this.#base, length) };
    this.#sent += length;
    return piece;
  }

  /** All input before `offset` is written. */
  acked(offset: number): void {
    this.#drop(Math.min(Math.max(offset, this.#base), this.#sent) - this.#base);
  }

  /**
   * Attached to a shell whose lane goes on at `next`. What is returned was typed for another shell,
   * or into a lane that the server has lost: it may have run or not, so it is not sent again.
   */
  attached(epoch: number, next: number): Uint8Array | undefined {
    const first = this.#epoch === undefined;
    const same = this.#epoch === epoch && next >= this.#base;
    this.#epoch = epoch;
    if (first) {
      // Typed before the first answer: it belongs to this shell, from here on.
      this.#end = next + this.pending;
      this.#base = this.#sent = next;
      return undefined;
    }
    if (!same) return this.#restart(next);
    // What lies before `next` is accepted: it is not sent again, but kept until it is written, as
    // the window begins there.
    if (next > this.#end) this.#restart(next);
    this.#sent = next;
    return undefined;
  }

  /** Goes back to where the server wants input from; false if that is gone already. */
  rewind(next: number): boolean {
    if (next < this.#base || next > this.#end) return false;
    this.#sent = Math.min(this.#sent, next);
    return true;
  }

  /** Is anything sent that is not known to be written? */
  get inFlight(): boolean {
    return this.#sent > this.#base;
  }

  /** The server's lane goes on at an offset that is none of ours: what is kept is in doubt. */
  lost(next: number): Uint8Array | undefined {
    return this.#restart(next);
  }

  /** Refused: forgets everything from `next` on. Returns how many bytes that were. */
  truncate(next: number): number {
    const keep = Math.min(Math.max(next, this.#base), this.#end) - this.#base;
    const kept = this.#copy(0, keep);
    const dropped = this.pending - keep;
    this.#chunks = kept.length > 0 ? [kept] : [];
    this.#skip = 0;
    this.#end = this.#base + keep;
    this.#sent = Math.min(this.#sent, this.#end);
    return dropped;
  }

  #restart(next: number): Uint8Array | undefined {
    const doubt = this.#copy(0, this.pending);
    this.#chunks = [];
    this.#skip = 0;
    this.#base = this.#sent = this.#end = next;
    return doubt.length > 0 ? doubt : undefined;
  }

  #drop(count: number): void {
    this.#base += count;
    this.#sent = Math.max(this.#sent, this.#base);
    this.#skip += count;
    let first = this.#chunks[0];
    while (first && this.#skip >= first.length) {
      this.#skip -= first.length;
      this.#chunks.shift();
      first = this.#chunks[0];
    }
  }

  /** A copy of `length` bytes, `from` bytes after `base`. */
  #copy(from: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    let at = 0;
    let skip = this.#skip + from;
    for (const chunk of this.#chunks) {
      if (at === length) break;
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const part = chunk.subarray(skip, skip + length - at);
      out.set(part, at);
      at += part.length;
      skip = 0;
    }
    return out;
  }
}
