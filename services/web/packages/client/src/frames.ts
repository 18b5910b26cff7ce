/**
 * The binary frames of `termfleet.v1`, in both directions, as values. The golden vectors in
 * `proto/vectors/frames.json` are the contract with the server's codec.
 */
import { compose, FrameError, Reader } from "./varint.ts";

export { FrameError } from "./varint.ts";

/** Why a snapshot comes instead of the missing bytes; the wire numbers them from 1. */
export const REASONS = [
  "new_client",
  "trimmed",
  "new_epoch",
  "lagging",
  "interrupted",
  "resized",
  "asked",
  "bad_offset",
] as const;

export type Reason = (typeof REASONS)[number];

/** Output of a program; `offset` is that of the first byte. */
export interface OutputFrame {
  kind: "output";
  channel: number;
  offset: number;
  data: Uint8Array;
}

/** The screen after all output before `offset`; `more`: it goes on in the next frame. */
export interface SnapshotFrame {
  kind: "snapshot";
  channel: number;
  epoch: number;
  offset: number;
  cols: number;
  rows: number;
  reason: Reason;
  more: boolean;
  data: Uint8Array;
}

/** All input before `offset` is written to the terminal, all before `echo` at least 50 ms ago. */
export interface InputAckFrame {
  kind: "input_ack";
  channel: number;
  offset: number;
  echo: number;
}

/** Bytes for the program; `offset` is that of the first byte in this client's lane. */
export interface InputFrame {
  kind: "input";
  channel: number;
  offset: number;
  data: Uint8Array;
}

/** All output before `offset` is parsed. */
export interface AckFrame {
  kind: "ack";
  channel: number;
  offset: number;
}

export type ServerFrame = OutputFrame | SnapshotFrame | InputAckFrame;
export type ClientFrame = InputFrame | AckFrame;
export type Frame = ServerFrame | ClientFrame;

const KIND = { output: 0x01, snapshot: 0x02, input_ack: 0x03, input: 0x11, ack: 0x12 } as const;
/** In a snapshot's reason: the snapshot goes on in the next frame. */
const MORE = 0x80;
/** In an output's or a snapshot's kind: its bytes are compressed. */
const DEFLATED = 0x80;

/** Makes what raw deflate made small large again; throws {@link FrameError}. */
export type Inflate = (data: Uint8Array) => Uint8Array;

/** A frame as bytes. */
export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case "output":
    case "input":
      return compose(KIND[frame.kind], [frame.channel, frame.offset], frame.data);
    case "ack":
      return compose(KIND.ack, [frame.channel, frame.offset]);
    case "input_ack":
      return compose(KIND.input_ack, [frame.channel, frame.offset, frame.echo]);
    case "snapshot":
      return encodeSnapshot(frame);
  }
}

function encodeSnapshot(frame: SnapshotFrame): Uint8Array {
  // The reason is one plain byte after the numbers: it goes in front of the bytes.
  const bytes = new Uint8Array(frame.data.length + 1);
  bytes[0] = (REASONS.indexOf(frame.reason) + 1) | (frame.more ? MORE : 0);
  bytes.set(frame.data, 1);
  const { channel, epoch, offset, cols, rows } = frame;
  return compose(KIND.snapshot, [channel, epoch, offset, cols, rows], bytes);
}

/**
 * The frame that these bytes are; throws {@link FrameError}. `inflate` is for clients that offer
 * `deflate`: without it a compressed frame is none.
 */
export function decodeFrame(bytes: Uint8Array, inflate?: Inflate): Frame {
  const reader = new Reader(bytes);
  const byte = reader.byte();
  const kind = inflate ? byte & ~DEFLATED : byte;
  const frame = decodeBody(reader, kind);
  if (kind === byte) return frame;
  if (frame.kind !== "output" && frame.kind !== "snapshot") {
    throw new FrameError(`a frame of kind ${frame.kind} has nothing to compress`);
  }
  return { ...frame, data: inflate?.(frame.data) ?? frame.data };
}

function decodeBody(reader: Reader, kind: number): Frame {
  const channel = reader.varint();
  switch (kind) {
    case KIND.output:
      return { kind: "output", channel, offset: reader.varint(), data: reader.rest() };
    case KIND.input:
      return { kind: "input", channel, offset: reader.varint(), data: reader.rest() };
    case KIND.snapshot:
      return decodeSnapshot(reader, channel);
    case KIND.input_ack: {
      const frame: Frame = {
        kind: "input_ack",
        channel,
        offset: reader.varint(),
        echo: reader.varint(),
      };
      reader.end();
      return frame;
    }
    case KIND.ack: {
      const frame: Frame = { kind: "ack", channel, offset: reader.varint() };
      reader.end();
      return frame;
    }
    default:
      throw new FrameError(`no frame is of kind 0x${kind.toString(16)}`);
  }
}

function decodeSnapshot(reader: Reader, channel: number): SnapshotFrame {
  const epoch = reader.varint();
  const offset = reader.varint();
  const cols = reader.varint();
  const rows = reader.varint();
  const byte = reader.byte();
  const reason = REASONS[(byte & ~MORE) - 1];
  if (!reason) throw new FrameError(`no snapshot has the reason ${byte & ~MORE}`);
  const more = (byte & MORE) !== 0;
  return { kind: "snapshot", channel, epoch, offset, cols, rows, reason, more, data: reader.rest() };
}
