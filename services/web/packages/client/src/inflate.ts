/**
 * Inflates the bytes of a frame. It has to be done at once, as frames are handled in the order in
 * which they come: what platforms have for it (`DecompressionStream`) answers later.
 */
import { inflateSync } from "fflate";
import { FrameError } from "./varint.ts";

/** No frame of a server's is as large; what is larger was made to fill memory. */
export const MAX_INFLATED_BYTES = 1024 * 1024;

/** Kept from frame to frame: what it holds is copied out. One byte more shows what is too large. */
let scratch: Uint8Array | undefined;

/** What raw deflate was given; throws {@link FrameError}. */
export function inflate(data: Uint8Array): Uint8Array {
  scratch ??= new Uint8Array(MAX_INFLATED_BYTES + 1);
  let inflated: Uint8Array;
  try {
    inflated = inflateSync(data, { out: scratch });
  } catch {
    throw new FrameError("the frame's bytes are not deflate");
  }
  if (inflated.length > MAX_INFLATED_BYTES) {
    throw new FrameError(`a frame inflates to more than ${MAX_INFLATED_BYTES} bytes`);
  }
  return inflated.slice();
}
