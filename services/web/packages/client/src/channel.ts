/** One attachment's channel on one link: what it says there. */
import type { Picture } from "./check.ts";
import { TermfleetError } from "./codes.ts";
import type { Piece } from "./lane.ts";
import type { Answer, Link } from "./link.ts";
import type { ControlAction } from "./messages.ts";

export class Channel {
  constructor(
    readonly link: Link,
    readonly number: number,
  ) {}

  input({ offset, data }: Piece): void {
    this.link.sendFrame({ kind: "input", channel: this.number, offset, data });
  }

  ack(offset: number): void {
    this.link.sendFrame({ kind: "ack", channel: this.number, offset });
  }

  view(visible: boolean): void {
    this.link.send({ type: "view", channel: this.number, visible });
  }

  resize(cols: number, rows: number): void {
    this.link.send({ type: "resize", channel: this.number, cols, rows });
  }

  detach(): void {
    this.link.send({ type: "detach", channel: this.number });
  }

  control(action: ControlAction, answer: Answer): void {
    this.link.request({ type: "control", channel: this.number, action }, answer);
  }

  /** Asks for the output from `offset` on, or for a snapshot. */
  sync(offset: number | undefined, answer: Answer): void {
    const request = { type: "sync", channel: this.number } as const;
    this.link.request(offset === undefined ? request : { ...request, offset }, answer);
  }

  check(answer: (picture: Picture | undefined) => void): void {
    this.link.check(this.number, answer);
  }

  /** Asks for the newest rows of a session that have left its screen. */
  history(sessionId: string, lines: number, answer: (rows?: readonly string[]) => void): void {
    this.link.request({ type: "history", sessionId, lines }, (said) => {
      answer(!(said instanceof TermfleetError) && said.type === "history" ? said.lines : undefined);
    });
  }
}
