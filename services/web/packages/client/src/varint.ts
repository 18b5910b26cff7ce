/**
 * Unsigned LEB128, as the binary frames use it. Offsets stay below 2^53, so every value is an exact
 * JavaScript number; the arithmetic avoids bit operators, which would cut at 32 bits.
 */

/** What a frame that breaks the rules ends in. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Reads a frame from front to back. */
export class Reader {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The next byte. */
  byte(): number {
    const value = this.bytes[this.#at];
    if (value === undefined) throw new FrameError("the frame ends too early");
    this.#at += 1;
    return value;
  }

  /** The next number; an overlong one, or one of 2^53 and more, is refused. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new FrameError("a number is 2^53 or more");
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw new FrameError("a number is written overlong");
        return value;
      }
      scale *= 0x80;
    }
  }

  /** Everything that is left, without a copy. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.#at);
  }

  /** Refuses anything that is left. */
  end(): void {
    if (this.#at !== this.bytes.length) throw new FrameError("the frame has bytes too many");
  }
}

/** The bytes of a number. */
function bytesOf(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new FrameError(`not an unsigned number below 2^53: ${value}`);
  }
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** A frame of a kind, some numbers, and then bytes. */
export function compose(kind: number, numbers: readonly number[], bytes?: Uint8Array): Uint8Array {
  const head = [kind, ...numbers.flatMap(bytesOf)];
  const frame = new Uint8Array(head.length + (bytes?.length ?? 0));
  frame.set(head);
  if (bytes) frame.set(bytes, head.length);
  return frame;
}
