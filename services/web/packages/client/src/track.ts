/**
 * Where one client stands in one session's output. Every frame is proved to continue the one before
 * it; what cannot be proved is asked for again. Nothing here sends or draws: methods say what to do.
 *
 * ```text
 *             attached: recovered            frame beyond `position`
 *   idle ───────────────────────────▶ output ─────────────────────▶ lost ──┐
 *    │                                 ▲   ▲                               │ synced, as attached
 *    └─ attached: not recovered ─▶ snapshot└───────────────────────────────┘
 * ```
 */
import type { OutputFrame, SnapshotFrame } from "./frames.ts";
import type { Attached } from "./messages.ts";

type Expecting = "nothing" | "output" | "snapshot" | "sync";

/** What to do with an output frame. */
export type OutputStep =
  /** Nothing: it is a late or a repeated one. */
  | { do: "ignore" }
  /** Ask for what is missing. */
  | { do: "sync"; offset?: number }
  /** Show these bytes; the first `replay` of them are a replay, whose queries nobody answers. */
  | { do: "write"; data: Uint8Array; replay: number; end: number };

/** What to do with a snapshot frame. */
export type SnapshotStep =
  | { do: "ignore" }
  /**
   * Show it; `before` the first piece clear everything, or what is shown if nothing is in it that was
   * not shown; `end` is set with the last piece.
   */
  | { do: "write"; before?: "reset" | "redraw"; end?: number };

export class OutputTrack {
  #epoch: number | undefined;
  /** Offset of the next byte that this client needs. */
  #position = 0;
  #expecting: Expecting = "nothing";
  #snapshotOpen = false;
  /** Bytes before this were shown to somebody before: their queries are not answered again. */
  #replayUntil = 0;
  /** How far the present channel has brought us: an ack beyond it would be a lie. */
  #channelEnd = 0;
  /** This client made the session: its first bytes were shown to nobody else. */
  #fresh: boolean;

  /** `startEpoch`: this client has just made the session, and wants it from its first byte on. */
  constructor(startEpoch?: number) {
    this.#epoch = startEpoch;
    this.#fresh = startEpoch !== undefined;
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  get position(): number {
    return this.#position;
  }

  /** What to resume with, if there is anything. */
  get resumePoint(): { epoch: number; offset: number } | undefined {
    if (this.#epoch === undefined) return undefined;
    return { epoch: this.#epoch, offset: this.#position };
  }

  /** The newest offset that may be acked on the present channel. */
  get ackLimit(): number {
    return this.#channelEnd;
  }

  /** The offset that the server does not have: the next attachment starts from nothing. */
  forget(): void {
    this.#epoch = undefined;
    this.#position = 0;
    this.#expecting = "nothing";
  }

  /**
   * A channel begins, or goes on after `sync`. False if it does not continue what is here, so that
   * a snapshot must be asked for.
   */
  attached(message: Attached): boolean {
    const fresh = this.#fresh;
    this.#fresh = false;
    this.#snapshotOpen = false;
    this.#channelEnd = message.offset;
    const sameEpoch = this.#epoch === message.epoch;
    if (message.recovered) {
      const continues = sameEpoch && message.offset <= this.#position;
      this.#epoch = message.epoch;
      this.#expecting = continues ? "output" : "sync";
      return continues;
    }
    const seen = sameEpoch ? this.#position : 0;
    // What was printed before a new client came was answered by whoever drove then; in a session
    // that this client made nobody did, and its shell still waits for the answers.
    this.#replayUntil = fresh && sameEpoch ? 0 : Math.max(message.head, seen);
    this.#epoch = message.epoch;
    this.#expecting = "snapshot";
    return true;
  }

  output(frame: OutputFrame): OutputStep {
    if (this.#expecting === "nothing" || this.#expecting === "sync") return { do: "ignore" };
    const end = frame.offset + frame.data.length;
    if (this.#expecting === "snapshot" || frame.offset > this.#position) {
      // Without the snapshot that must come first the bytes have no screen to go to.
      const offset = this.#expecting === "snapshot" ? undefined : this.#position;
      this.#expecting = "sync";
      return offset === undefined ? { do: "sync" } : { do: "sync", offset };
    }
    this.#channelEnd = Math.max(this.#channelEnd, end);
    if (end <= this.#position) return { do: "ignore" };
    const data = frame.data.subarray(this.#position - frame.offset);
    const replay = Math.min(Math.max(this.#replayUntil - this.#position, 0), data.length);
    this.#position = end;
    return { do: "write", data, replay, end };
  }

  snapshot(frame: SnapshotFrame): SnapshotStep {
    if (this.#expecting === "nothing" || this.#expecting === "sync") return { do: "ignore" };
    const before = this.#snapshotOpen ? {} : { before: this.#before(frame) };
    if (!this.#snapshotOpen && this.#expecting === "output" && this.#epoch === frame.epoch) {
      // It comes unasked: what follows may repeat bytes that this client has answered already.
      this.#replayUntil = Math.max(this.#replayUntil, this.#position);
    }
    this.#snapshotOpen = frame.more;
    this.#expecting = frame.more ? "snapshot" : "output";
    this.#epoch = frame.epoch;
    this.#position = frame.offset;
    this.#channelEnd = frame.offset;
    return { do: "write", ...before, ...(frame.more ? {} : { end: frame.offset }) };
  }

  #before({ reason, epoch, offset }: SnapshotFrame): "reset" | "redraw" {
    const shown =
      this.#expecting === "output" && this.#epoch === epoch && offset <= this.#position;
    return reason === "resized" && shown ? "redraw" : "reset";
  }
}
