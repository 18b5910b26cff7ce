/** The golden vectors that the server's codec is tested with, and what no frame may be. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, type Frame, FrameError } from "../src/frames.ts";

interface Vector {
  name: string;
  hex: string;
  frame: Record<string, unknown> & { data?: string };
}

const file = new URL("../../../../../proto/vectors/frames.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vector[];

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

function frameOf(vector: Vector): Frame {
  const { data, ...rest } = vector.frame;
  const frame = data === undefined ? rest : { ...rest, data: fromHex(data) };
  return frame as unknown as Frame;
}

describe("golden vectors", () => {
  test("there are some of every kind", () => {
    const kinds = new Set(vectors.map((vector) => vector.frame["kind"]));
    expect([...kinds].sort()).toEqual(["ack", "input", "input_ack", "output", "snapshot"]);
  });

  test.each(vectors)("$name", (vector) => {
    const decoded = decodeFrame(fromHex(vector.hex));
    expect({ ...decoded, ...("data" in decoded ? { data: [...decoded.data] } : {}) }).toEqual(
      (() => {
        const frame = frameOf(vector);
        return { ...frame, ...("data" in frame ? { data: [...frame.data] } : {}) };
      })(),
    );
    expect(Buffer.from(encodeFrame(frameOf(vector))).toString("hex")).toBe(vector.hex);
  });
});

test.each([
  ["nothing", ""],
  ["an unknown kind", "7f0100"],
  ["an overlong number", "0181000024"],
  ["a number of 2^53", "01018080808080808010"],
  ["a number that never ends", "0180"],
  ["an ack with something behind it", "12010000"],
  ["a snapshot without a reason", "020101005018"],
  ["a snapshot for reason 9", "02010100501809"],
])("%s is no frame", (_name, hex) => {
  expect(() => decodeFrame(fromHex(hex))).toThrow(FrameError);
});
