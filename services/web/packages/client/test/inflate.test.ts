/** Compressed frames: what raw deflate made small comes out as it went in, or the frame is none. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { constants, deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeFrame, encodeFrame, type Frame, FrameError, type ServerFrame } from "../src/frames.ts";
import { inflate, MAX_INFLATED_BYTES } from "../src/inflate.ts";
import { bytes, liveSession } from "./fake.ts";

const LOG = bytes("\x1b[32m  Compiling\x1b[0m something v1.0.0\r\n".repeat(700));

const SNAPSHOT = {
  kind: "snapshot",
  channel: 7,
  epoch: 1_755_043_200_000,
  offset: 65_536,
  cols: 80,
  rows: 24,
  reason: "lagging",
  more: true,
} as const;

/** The frame as a server sends it that compresses: its numbers as ever, then deflate. */
function compressed(frame: Frame & { data: Uint8Array }, level = 1): Uint8Array {
  const plain = encodeFrame(frame);
  const head = plain.subarray(0, plain.length - frame.data.length);
  const body = deflateRawSync(frame.data, { level });
  const whole = Uint8Array.from([...head, ...body]);
  whole[0] = (whole[0] ?? 0) | 0x80;
  return whole;
}

describe.each([
  ["output", { kind: "output", channel: 300, offset: 123_456, data: LOG }],
  ["a snapshot", { ...SNAPSHOT, data: LOG }],
  ["output of random bytes", { kind: "output", channel: 1, offset: 0, data: randomBytes(32_768) }],
  ["output of nothing", { kind: "output", channel: 1, offset: 0, data: new Uint8Array() }],
] as [string, Frame & { data: Uint8Array }][])("%s", (_name, frame) => {
  test.each([0, 1, 9])("comes out as it went in, at level %i", (level) => {
    const read = decodeFrame(compressed(frame, level), inflate) as typeof frame;
    expect({ ...read, data: undefined }).toEqual({ ...frame, data: undefined });
    expect(Buffer.compare(read.data, frame.data)).toBe(0);
  });

  test("is no frame for who did not offer deflate", () => {
    expect(() => decodeFrame(compressed(frame))).toThrow(FrameError);
  });

  test("is no frame if it is cut, or no deflate at all", () => {
    const whole = compressed({ ...frame, data: LOG });
    expect(() => decodeFrame(whole.subarray(0, -5), inflate)).toThrow(FrameError);
    expect(() => decodeFrame(Uint8Array.of(0x81, 1, 0, 0xff, 0xff, 0xff), inflate)).toThrow(FrameError);
  });
});

test.each([
  ["an input_ack", "83010000"],
  ["an input", "91010061"],
  ["an ack", "920100"],
])("%s is never compressed", (_name, hex) => {
  expect(() => decodeFrame(Uint8Array.from(Buffer.from(hex, "hex")), inflate)).toThrow(FrameError);
});

test.each([
  [MAX_INFLATED_BYTES - 1, true],
  [MAX_INFLATED_BYTES, true],
  [MAX_INFLATED_BYTES + 1, false],
  [64 * MAX_INFLATED_BYTES, false],
])("of %i bytes: %s", (length, fits) => {
  const data = deflateRawSync(new Uint8Array(length));
  if (fits) expect(inflate(data)).toHaveLength(length);
  else expect(() => inflate(data)).toThrow(FrameError);
});

interface Vector {
  name: string;
  deflated: string;
  plain: string;
}

const file = new URL("../../../../../proto/vectors/deflated_frames.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];

test.each(vectors)("golden vector: $name", ({ deflated, plain }) => {
  const [small, large] = [deflated, plain].map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
  expect(decodeFrame(small ?? LOG, inflate)).toEqual(decodeFrame(large ?? LOG));
});

/** Texts of every kind: short and long, that repeat near and far, that are noise. */
function samples(): Buffer[] {
  const noise = randomBytes(70_000);
  const letters = Buffer.from(noise.map((byte) => 97 + (byte % 4)));
  const far = Buffer.concat([noise.subarray(0, 300), Buffer.alloc(32_000, "x"), noise.subarray(0, 300)]);
  return [...[0, 1, 2, 3, 257, 258, 259].map((length) => Buffer.alloc(length, "a")), letters, noise, far];
}

test.each([
  ["default", constants.Z_DEFAULT_STRATEGY],
  ["filtered", constants.Z_FILTERED],
  ["Huffman only", constants.Z_HUFFMAN_ONLY],
  ["runs", constants.Z_RLE],
  ["fixed codes", constants.Z_FIXED],
])("zlib's strategy %s at every level", (_name, strategy) => {
  for (const level of [0, 1, 3, 6, 9]) {
    for (const sample of samples()) {
      const inflated = inflate(deflateRawSync(sample, { level, strategy }));
      expect(Buffer.compare(inflated, sample)).toBe(0);
    }
  }
});

test("whatever is broken in a stream, it ends, and only as a frame that is none", () => {
  const whole = deflateRawSync(LOG.subarray(0, 4_000));
  for (let at = 0; at < whole.length * 8; at += 1) {
    const broken = Buffer.from(whole);
    broken[at >> 3] = (broken[at >> 3] ?? 0) ^ (1 << (at & 7));
    try {
      inflate(broken);
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  }
  for (let times = 0; times < 2_000; times += 1) {
    try {
      inflate(randomBytes(60));
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  }
});

test("what was inflated before stays as it was", () => {
  const first = inflate(deflateRawSync(bytes("first")));
  inflate(deflateRawSync(bytes("other")));
  expect(Buffer.from(first).toString()).toBe("first");
});

describe("a connection", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("offers deflate, and acknowledges the bytes that it makes of it", () => {
    const { socket, screen } = liveSession();
    const handshake = socket().last("handshake");
    expect(handshake["client"]).toMatchObject({ capabilities: ["deflate"] });
    socket().attached();
    socket().snapshot(1, 0);
    const frame: ServerFrame = { kind: "output", channel: 1, offset: 0, data: LOG };
    const whole = compressed(frame);
    socket().onmessage?.({ data: whole.buffer.slice(0, whole.length) });
    screen.parse();
    vi.advanceTimersByTime(20);
    expect([screen.shown.length, socket().acks]).toEqual([LOG.length, [LOG.length]]);
  });

  test("is lost at a frame that cannot be inflated, as it may have carried output", () => {
    const { socket, sockets } = liveSession();
    socket().attached();
    socket().onmessage?.({ data: Uint8Array.of(0x81, 1, 0, 0xff).buffer });
    vi.advanceTimersByTime(100);
    expect(sockets).toHaveLength(2);
  });
});
