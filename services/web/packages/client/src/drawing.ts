/**
 * The output half of an attachment: what a channel brings goes to the screen, each byte once, is
 * acknowledged once it is parsed, and the screen is compared with the server's now and then. Which
 * channel that is, and when one is asked for, is the attachment's (`attachment.ts`).
 */
import { Acks } from "./acks.ts";
import type { AttachmentStats, Screen } from "./attach.ts";
import { type Picture, SelfCheck } from "./check.ts";
import type { OutputFrame, SnapshotFrame } from "./frames.ts";
import type { Attached } from "./messages.ts";
import { Seam } from "./seam.ts";
import { Fields } from "./store.ts";
import { OutputTrack } from "./track.ts";

/** What it needs of its attachment. */
export interface DrawingHost {
  /** Tells the server that everything before `offset` is parsed. */
  ack(offset: number): void;
  /** Asks for what is missing: the output from `offset` on, or a snapshot. */
  sync(offset: number | undefined): void;
  /** Asks the server for its picture; `answer` is given nothing if it does not say. */
  check(answer: (picture: Picture | undefined) => void): void;
  /** Asks the server for the newest rows above its screen; `answer` as {@link check} has it. */
  history(answer: (rows: readonly string[] | undefined) => void): void;
  /** A snapshot is complete: the screen has its size. */
  replaced(): void;
  /** The screen is another than the server's, the so-manieth time. */
  differs(count: number): void;
}

export class Drawing {
  readonly stats = new Fields<AttachmentStats>({ same: 0, differs: 0, missed: 0 });
  readonly #track: OutputTrack;
  readonly #acks: Acks;
  readonly #check: SelfCheck;
  readonly #seam: Seam;
  /** The snapshot that is being drawn takes the place of the screen alone. */
  #redraws = false;
  #visible = true;
  #begun = false;

  /** `startEpoch`: as {@link OutputTrack} has it. */
  constructor(
    private readonly screen: Screen,
    private readonly host: DrawingHost,
    startEpoch: number | undefined,
  ) {
    this.#track = new OutputTrack(startEpoch);
    this.#acks = new Acks(
      (offset) => host.ack(offset),
      (end) => this.#check.drawn(end),
    );
    this.#check = new SelfCheck({
      ask: (answer) => host.check(answer),
      drawn: () => this.#drawn(),
      digest: () => screen.digest?.(),
      compared: (result) => this.#compared(result),
    });
    this.#seam = new Seam({
      ask: (answer) => host.history(answer),
      drawn: () => this.#drawn(),
      above: () => screen.above?.() ?? "",
      broken: () => host.sync(undefined),
    });
  }

  /** What to resume with, if there is anything. */
  get resumePoint(): { epoch: number; offset: number } | undefined {
    return this.#track.resumePoint;
  }

  /** The server does not have what is here: the next channel starts from nothing. */
  forget(): void {
    this.#track.forget();
  }

  /** A channel begins, or goes on. False if that does not continue what is here. */
  begin(message: Attached): boolean {
    const continues = this.#track.attached(message);
    this.#acks.begin(message.offset);
    this.#begun = true;
    this.#compareIfSeen();
    return continues;
  }

  output(frame: OutputFrame): void {
    const step = this.#track.output(frame);
    this.#acks.received(this.#track.ackLimit);
    if (step.do === "sync") this.host.sync(step.offset);
    else if (step.do === "write") this.#write(step.data, step.replay, step.end);
  }

  snapshot(frame: SnapshotFrame): void {
    const step = this.#track.snapshot(frame);
    if (step.do === "ignore") return;
    let { data } = frame;
    if (step.before) {
      const { screen } = this;
      this.#check.disturbed();
      this.#seam.stop();
      this.#acks.jump(frame.offset);
      this.#redraws = step.before === "redraw" && keepsScrollback(screen);
      if (this.#redraws) {
        screen.redraw?.(frame.cols, frame.rows);
        data = withoutReset(data);
      } else {
        screen.reset(frame.cols, frame.rows);
      }
    }
    if (step.end === undefined) return this.screen.write(data, true, () => {});
    this.#acks.received(this.#track.ackLimit);
    const parsed = this.#acks.whenParsed(step.end);
    const redrawn = this.#redraws;
    this.screen.write(data, true, () => {
      parsed();
      if (redrawn) this.#seam.look();
    });
    this.host.replaced();
  }

  /** Somebody looks at the screen, or nobody does. */
  lookedAt(visible: boolean): void {
    this.#visible = visible;
    this.#compareIfSeen();
  }

  /** The size or the way of feeding changed: the two screens are not alike for a moment. */
  disturbed(): void {
    this.#check.disturbed();
  }

  /** Tells what is parsed and not told yet, as when input leaves anyway. */
  acknowledge(): void {
    this.#acks.flush();
  }

  /** There is no channel for now: nothing is acknowledged, and nobody can be asked. */
  pause(): void {
    this.#acks.stop();
    this.#seam.stop();
    this.#begun = false;
    this.#compareIfSeen();
  }

  stop(): void {
    this.#acks.stop();
    this.#seam.stop();
    this.#check.stop();
  }

  /** Up to where everything is drawn, if nothing is being drawn. */
  #drawn(): number | undefined {
    return this.#acks.parsed === this.#track.position ? this.#acks.parsed : undefined;
  }

  #compareIfSeen(): void {
    if (this.screen.digest) this.#check.setActive(this.#begun && this.#visible);
  }

  #write(data: Uint8Array, replay: number, end: number): void {
    const live = data.length - replay;
    if (replay > 0) {
      this.screen.write(data.subarray(0, replay), true, this.#acks.whenParsed(end - live));
    }
    if (live > 0) this.screen.write(data.subarray(replay), false, this.#acks.whenParsed(end));
  }

  #compared(result: keyof AttachmentStats): void {
    const count = this.stats.get()[result] + 1;
    this.stats.patch({ [result]: count });
    if (result === "differs") this.host.differs(count);
  }
}

/** Can a screen be drawn anew in its place? */
export function keepsScrollback(screen: Screen): boolean {
  return screen.redraw !== undefined && screen.above !== undefined;
}

/** A snapshot without the full reset that it begins with. */
function withoutReset(data: Uint8Array): Uint8Array {
  return data[0] === 0x1b && data[1] === 0x63 ? data.subarray(2) : data;
}
