/**
 * Inflates the bytes of a frame (raw deflate, RFC 1951). It has to be done at once, as frames are
 * handled in the order in which they come: what platforms have for it (`DecompressionStream`) answers
 * later. Codes are read bit by bit, so that what a frame costs depends on its compressed bytes.
 */
import { FrameError } from "./varint.ts";

/** No frame of a server's is as large; what is larger was made to fill memory. */
export const MAX_INFLATED_BYTES = 1024 * 1024;

/** Codes are at most this long. */
const MAX_BITS = 15;
const END_OF_BLOCK = 256;
/** The first length that each symbol from 257 on stands for, and how many more bits say which. */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
  195, 227, 258,
];
const LENGTH_BITS = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
/** The same for distances. */
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
const DISTANCE_BITS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** In which order a block tells the lengths of the codes that its code lengths are written in. */
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** What raw deflate was given; throws {@link FrameError}. */
export function inflate(data: Uint8Array): Uint8Array {
  return new Inflation(data).run();
}

/** A canonical code: how many codes there are of each length, and their symbols in order. */
interface Huffman {
  counts: Uint16Array;
  symbols: Uint16Array;
}

/** Kept from frame to frame: what it holds is copied out. */
let scratch: Uint8Array | undefined;

class Inflation {
  readonly #out: Uint8Array;
  #length = 0;
  #at = 0;
  #bits = 0;
  #bitCount = 0;

  constructor(private readonly data: Uint8Array) {
    this.#out = scratch ??= new Uint8Array(MAX_INFLATED_BYTES);
  }

  run(): Uint8Array {
    let isLast = false;
    while (!isLast) {
      isLast = this.#take(1) === 1;
      const kind = this.#take(2);
      if (kind === 0) this.#stored();
      else if (kind === 1) this.#block(FIXED.literals, FIXED.distances);
      else if (kind === 2) this.#dynamic();
      else throw broken();
    }
    return this.#out.slice(0, this.#length);
  }

  /** A number of so many bits, the lowest first. */
  #take(count: number): number {
    while (this.#bitCount < count) {
      const byte = this.data[this.#at++];
      if (byte === undefined) throw broken();
      this.#bits |= byte << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #put(byte: number): void {
    if (this.#length === MAX_INFLATED_BYTES) {
      throw new FrameError(`a frame inflates to more than ${MAX_INFLATED_BYTES} bytes`);
    }
    this.#out[this.#length++] = byte;
  }

  #stored(): void {
    this.#bits = this.#bitCount = 0;
    const length = this.#take(16);
    if (this.#take(16) !== (length ^ 0xffff)) throw broken();
    for (let left = length; left > 0; left -= 1) this.#put(this.#take(8));
  }

  #symbol({ counts, symbols }: Huffman): number {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= MAX_BITS; length += 1) {
      code |= this.#take(1);
      const count = counts[length] ?? 0;
      if (code - first < count) return symbols[index + code - first] ?? 0;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw broken();
  }

  #block(literals: Huffman, distances: Huffman): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) this.#put(symbol);
      else this.#copy(this.#scaled(symbol - 257, LENGTH_BASE, LENGTH_BITS), distances);
    }
  }

  #copy(length: number, distances: Huffman): void {
    const distance = this.#scaled(this.#symbol(distances), DISTANCE_BASE, DISTANCE_BITS);
    if (distance > this.#length) throw broken();
    for (let left = length; left > 0; left -= 1) this.#put(this.#out[this.#length - distance] ?? 0);
  }

  #scaled(symbol: number, base: readonly number[], bits: readonly number[]): number {
    const from = base[symbol];
    if (from === undefined) throw broken();
    return from + this.#take(bits[symbol] ?? 0);
  }

  #dynamic(): void {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const codes = this.#take(4) + 4;
    if (literals > 286 || distances > 30) throw broken();
    const codeLengths = new Uint8Array(CODE_ORDER.length);
    for (const at of CODE_ORDER.slice(0, codes)) codeLengths[at] = this.#take(3);
    const lengths = this.#lengths(huffman(codeLengths), literals + distances);
    if (lengths[END_OF_BLOCK] === 0) throw broken();
    this.#block(huffman(lengths.subarray(0, literals)), huffman(lengths.subarray(literals)));
  }

  /** The lengths of a block's codes, which repeat themselves. */
  #lengths(code: Huffman, count: number): Uint8Array {
    const lengths = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw broken();
      const length = symbol === 16 ? (lengths[at - 1] ?? 0) : 0;
      const repeat =
        symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (at + repeat > count) throw broken();
      lengths.fill(length, at, at + repeat);
      at += repeat;
    }
    return lengths;
  }
}

/** The code with these lengths; one that says more than it has bits for is none. */
function huffman(lengths: Uint8Array): Huffman {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  counts[0] = 0;
  const starts = new Uint16Array(MAX_BITS + 2);
  let left = 1;
  for (let length = 1; length <= MAX_BITS; length += 1) {
    const count = counts[length] ?? 0;
    left = left * 2 - count;
    if (left < 0) throw broken();
    starts[length + 1] = (starts[length] ?? 0) + count;
  }
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const at = starts[length] ?? 0;
    symbols[at] = symbol;
    starts[length] = at + 1;
  });
  return { counts, symbols };
}

/** The code of blocks that bring none. */
const FIXED = {
  literals: huffman(
    Uint8Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8)),
  ),
  distances: huffman(new Uint8Array(30).fill(5)),
};

function broken(): FrameError {
  return new FrameError("the frame's bytes are not deflate");
}
