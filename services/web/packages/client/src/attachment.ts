/**
 * One session on one client, over as many sockets as it takes: its output goes to a screen, its
 * input to the shell, each byte once. `connection.ts` hands it links; it asks on each for its
 * channel and goes on where it was.
 */
import { Acks } from "./acks.ts";
import type {
  AttachmentEvents,
  AttachmentHost,
  AttachmentState,
  AttachmentStats,
  AttachOptions,
  Exit,
} from "./attach.ts";
import { retryDelay } from "./backoff.ts";
import { SelfCheck } from "./check.ts";
import { Code, TermfleetError } from "./codes.ts";
import { Emitter } from "./emitter.ts";
import type { ServerFrame, SnapshotFrame } from "./frames.ts";
import { InputLane } from "./lane.ts";
import type { Link } from "./link.ts";
import type {
  Attached,
  ControlAction,
  Detached,
  ErrorMessage,
  ServerMessage,
  SessionEvent,
} from "./messages.ts";
import { Fields } from "./store.ts";
import { OutputTrack } from "./track.ts";

/** Resizes go out at most this often, the last one always: the server takes 20 a second. */
const RESIZE_INTERVAL_MS = 50;
/** Rows of scrollback that a snapshot brings unless asked otherwise: the server's own limit. */
const SNAPSHOT_ROWS = 500;

export class Attachment {
  readonly state: Fields<AttachmentState>;
  readonly events = new Emitter<AttachmentEvents>();
  readonly stats = new Fields<AttachmentStats>({ same: 0, differs: 0, missed: 0 });
  readonly #lane = new InputLane();
  readonly #track: OutputTrack;
  readonly #acks: Acks;
  readonly #check: SelfCheck;
  /** Where bytes come and go now. */
  #at: { link: Link; channel: number } | undefined;
  /** The link on which a channel has been asked for. */
  #asking: Link | undefined;
  #retries = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #size: { cols: number; rows: number };
  /** Whether the session is on the screen, as far as anybody has said. */
  #visible: boolean | undefined;
  #resizeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: AttachmentHost,
    readonly sessionId: string,
    private readonly options: AttachOptions,
  ) {
    const { cols, rows } = options;
    this.#size = { cols, rows };
    this.#track = new OutputTrack(options.startEpoch);
    const ack = (offset: number): void => {
      const at = this.#at;
      at?.link.sendFrame({ kind: "ack", channel: at.channel, offset });
    };
    this.#acks = new Acks(ack, (end) => this.#check.drawn(end));
    this.#check = this.#makeCheck();
    if (options.screen.digest) this.#check.setActive(true);
    this.state = new Fields<AttachmentState>({
      phase: "waiting",
      driver: "unknown",
      cols,
      rows,
      status: "active",
      tier: "live",
      answersQueries: false,
      exit: undefined,
      error: undefined,
      doubt: undefined,
    });
  }

  /**
   * Sends input. False if it is not taken: the attachment has ended, somebody else drives, or more
   * is waiting than may. While there is no connection it waits, and is sent once there is one.
   */
  send(data: Uint8Array): boolean {
    const { phase, driver, exit } = this.state.get();
    if (phase === "ended" || driver === "other" || exit) return false;
    const taken = this.#lane.push(data);
    this.#pump();
    return taken;
  }

  /** The input offset after everything that was sent or waits to be. */
  get typedTo(): number {
    return this.#lane.end;
  }

  /** Takes a size. It is the session's once this client drives. */
  resize(cols: number, rows: number): void {
    this.#size = { cols, rows };
    this.#resizeTimer ??= setTimeout(() => {
      this.#resizeTimer = undefined;
      this.#sendSize();
    }, RESIZE_INTERVAL_MS);
  }

  /** Takes the driver's seat, whoever has it. */
  take(): void {
    this.control("take");
  }

  /** Does something to the session; a refusal is the event `refused`. */
  control(action: ControlAction): void {
    const at = this.#at;
    if (!at) return;
    at.link.request({ type: "control", channel: at.channel, action }, (answer) => {
      if (answer instanceof TermfleetError) this.events.emit("refused", answer);
      else if (action === "take") this.#drive("me");
    });
  }

  /** Tells the server whether the session is on the screen. Until told otherwise, it is. */
  view(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#sendView();
    if (this.options.screen.digest) this.#check.setActive(visible);
  }

  /** Draws the screen anew, from what the server has. */
  refresh(): void {
    if (this.state.get().phase === "live") this.#sync(undefined);
  }

  /** Decides about the input in doubt: to send it to the present shell, or to forget it. */
  settleDoubt(sendIt: boolean): void {
    const { doubt } = this.state.get();
    this.state.patch({ doubt: undefined });
    if (doubt && sendIt) this.send(doubt);
  }

  /** Leaves the session. It goes on without this client. */
  detach(): void {
    const at = this.#at;
    at?.link.send({ type: "detach", channel: at.channel });
    this.#end(undefined);
  }

  // What follows is called by the connection.

  /** A link stands: asks for a channel on it. */
  join(link: Link): void {
    if (this.state.get().phase === "ended") return;
    clearTimeout(this.#retryTimer);
    this.#asking = link;
    if (!this.#at) this.state.patch({ phase: "attaching" });
    const { tier, snapshotRows = SNAPSHOT_ROWS } = this.options;
    link.request(
      {
        type: "attach",
        sessionId: this.sessionId,
        clientId: this.host.clientId,
        attempt: this.host.nextAttempt(),
        ...this.#track.resumePoint,
        ...(tier === undefined ? {} : { tier }),
        ...this.#size,
        snapshotRows,
      },
      (answer) => {
        if (this.#asking !== link) return;
        if (answer instanceof TermfleetError) this.#attachRefused(link, answer);
        else if (answer.type === "attached") this.#attached(link, answer);
      },
    );
  }

  /** A link is gone. */
  leave(link: Link): void {
    if (this.#asking === link) {
      this.#asking = undefined;
      clearTimeout(this.#retryTimer);
    }
    if (this.#at?.link !== link) return;
    this.#at = undefined;
    this.#acks.stop();
    if (this.state.get().phase === "ended") return;
    this.state.patch({ phase: this.#asking ? "attaching" : "waiting" });
  }

  /** A frame of this attachment's channel. */
  frame(frame: ServerFrame): void {
    switch (frame.kind) {
      case "input_ack":
        this.#lane.acked(frame.offset);
        this.events.emit("acked", { offset: frame.offset, echo: frame.echo });
        return this.#pump();
      case "snapshot":
        return this.#snapshot(frame);
      case "output": {
        const step = this.#track.output(frame);
        this.#acks.received(this.#track.ackLimit);
        if (step.do === "sync") this.#sync(step.offset);
        else if (step.do === "write") this.#write(step.data, step.replay, step.end);
      }
    }
  }

  /** A message about this session that answers no request. */
  message(link: Link, message: ServerMessage): void {
    // What a link that was left still says is about a channel that is no more.
    const elsewhere = this.#at !== undefined && this.#at.link !== link;
    switch (message.type) {
      case "attached":
        return elsewhere ? undefined : this.#attached(link, message);
      case "detached":
        return this.#detached(link, message);
      case "event":
        return elsewhere ? undefined : this.#event(message.event);
      case "error":
        return this.#error(message);
      default:
    }
  }

  #attached(link: Link, message: Attached): void {
    if (this.state.get().phase === "ended") return;
    if (this.#at) this.host.unbind(this.#at.link, this.#at.channel);
    this.#at = { link, channel: message.channel };
    this.host.bind(link, message.channel, this);
    this.#asking = undefined;
    this.#retries = 0;
    clearTimeout(this.#retryTimer);
    this.state.patch({ answersQueries: link.answersQueries });
    this.#sendView();
    this.#continue(message);
    this.host.settled(this, link);
  }

  /** Its next channel has been asked for on another link than that of its present one. */
  get #isMoving(): boolean {
    return this.#at !== undefined && this.#asking !== undefined && this.#asking !== this.#at.link;
  }

  /** Goes on from an `attached` or `synced`. */
  #continue(message: Attached): void {
    const { recovered, reason, cols, rows, status, driver, tier } = message;
    const doubt = this.#lane.attached(message.epoch, message.nextInputOffset);
    const continues = this.#track.attached(message);
    this.#acks.begin(message.offset);
    this.state.patch({
      phase: "live",
      driver: driver ? "me" : "other",
      cols,
      rows,
      status,
      tier,
      ...(doubt ? { doubt } : {}),
      ...(status === "closed" ? { exit: this.state.get().exit ?? {} } : { exit: undefined }),
    });
    this.events.emit("attached", { recovered, ...(reason ? { reason } : {}) });
    this.#check.disturbed();
    if (!continues) this.#sync(undefined);
    if (driver) this.#takeSize();
    else if (recovered) this.options.screen.resize(cols, rows);
    this.#pump();
  }

  #attachRefused(link: Link, error: TermfleetError): void {
    // The worker has less than this client: what it has is another history.
    if (error.code === Code.BadOffset) this.#track.forget();
    if (error.temporary || error.code === Code.BadOffset) return this.#retry(link, error);
    if (!this.#at) this.#end(error);
    this.host.settled(this, link);
  }

  #retry(link: Link, error: TermfleetError): void {
    const wait = Math.max(retryDelay(this.#retries), error.retryAfterMs ?? 0);
    this.#retries += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.join(link), wait);
  }

  #detached(link: Link, message: Detached): void {
    const at = this.#at;
    if (!at || at.link !== link || at.channel !== message.channel) return;
    // This client's own newer attachment took over: its answer is on the way.
    if (message.code === Code.TakenOver && this.#asking) return;
    this.host.unbind(link, message.channel);
    this.#at = undefined;
    const { code, reason, exitCode, signal } = message;
    if (exitCode !== undefined || signal !== undefined) this.#exited({ ...message });
    const error = code === undefined ? undefined : new TermfleetError(code, reason || undefined);
    if (!error?.temporary) return this.#end(error);
    this.state.patch({ phase: "attaching" });
    this.#askAgain(link, error);
  }

  /** Asks once more for a channel on a link, unless it is being left for another. */
  #askAgain(link: Link, error: TermfleetError): void {
    if (this.#asking !== undefined && this.#asking !== link) return;
    this.#asking = link;
    this.#retry(link, error);
  }

  #event(event: SessionEvent): void {
    if (event.kind === "driver") {
      this.#drive(event.driver ? "me" : event.taken ? "other" : "nobody");
    } else if (event.kind === "resized") {
      this.#check.disturbed();
      this.state.patch({ cols: event.cols, rows: event.rows });
      if (this.state.get().driver !== "me") this.options.screen.resize(event.cols, event.rows);
    } else if (event.kind === "status") {
      this.state.patch({ status: event.status });
    } else if (event.kind === "tier") {
      this.#check.disturbed();
      this.state.patch({ tier: event.tier });
    } else if (event.kind === "exited") {
      this.#exited(event);
    }
    this.events.emit("event", event);
  }

  #exited({ exitCode, signal }: Exit): void {
    const exit: Exit = {};
    if (exitCode !== undefined) exit.exitCode = exitCode;
    if (signal !== undefined) exit.signal = signal;
    this.state.patch({ exit, doubt: undefined });
  }

  #drive(driver: AttachmentState["driver"]): void {
    this.state.patch({ driver });
    if (driver === "me") this.#takeSize();
  }

  #error(message: ErrorMessage): void {
    const next = message.nextInputOffset;
    if (message.code === Code.InputGap || message.code === Code.InputWindowExceeded) {
      if (next !== undefined) this.#sendAgain(next, message.code);
      return;
    }
    if (message.code === Code.BadOffset) return; // A snapshot follows by itself.
    // On a link that is being left, it is this client itself that took over: it is all sent again.
    if (message.code === Code.TakenOver && this.#isMoving) return;
    if (message.code === Code.TakenOver) this.state.patch({ driver: "other" });
    // Refused input would otherwise be typed later, when nobody expects it.
    if (next !== undefined) this.#lane.truncate(next);
    this.events.emit("refused", new TermfleetError(message.code, message.message));
  }

  #sendAgain(next: number, code: number): void {
    if (!this.#lane.rewind(next)) {
      const doubt = this.#lane.lost(next);
      if (doubt) this.state.patch({ doubt });
    }
    // With a full window the next acknowledgement makes room; it comes if anything is in flight.
    if (code === Code.InputGap || !this.#lane.inFlight) this.#pump();
  }

  #snapshot(frame: SnapshotFrame): void {
    const step = this.#track.snapshot(frame);
    if (step.do === "ignore") return;
    if (step.first) {
      this.#check.disturbed();
      this.#acks.jump(frame.offset);
      this.options.screen.reset(frame.cols, frame.rows);
    }
    if (step.end === undefined) return this.options.screen.write(frame.data, true, () => {});
    this.#acks.received(this.#track.ackLimit);
    this.options.screen.write(frame.data, true, this.#acks.whenParsed(step.end));
    if (this.state.get().driver === "me") this.#takeSize();
  }

  #write(data: Uint8Array, replay: number, end: number): void {
    const { screen } = this.options;
    const live = data.length - replay;
    if (replay > 0) {
      screen.write(data.subarray(0, replay), true, this.#acks.whenParsed(end - live));
    }
    if (live > 0) screen.write(data.subarray(replay), false, this.#acks.whenParsed(end));
  }

  #sync(offset: number | undefined): void {
    const at = this.#at;
    if (!at) return;
    const request = { type: "sync", channel: at.channel } as const;
    at.link.request(offset === undefined ? request : { ...request, offset }, (answer) => {
      if (this.#at !== at) return;
      if (answer instanceof TermfleetError) this.#syncRefused(at.link, answer);
      else if (answer.type === "synced" && answer.channel === at.channel) this.#continue(answer);
      else if (answer.type === "synced") this.#attached(at.link, answer);
    });
  }

  #syncRefused(link: Link, error: TermfleetError): void {
    // A new attachment is the one thing that always leads to a proven state.
    if (error.code === Code.BadOffset) this.#track.forget();
    this.#askAgain(link, error);
  }

  #makeCheck(): SelfCheck {
    const { screen } = this.options;
    return new SelfCheck({
      ask: (answer) => {
        const at = this.#at;
        const { phase, tier } = this.state.get();
        // Who is not fed every byte has another screen than the server for a while.
        if (phase !== "live" || tier !== "live" || at === undefined) return;
        at.link.check(at.channel, (picture) => answer(this.#at === at ? picture : undefined));
      },
      drawn: () => (this.#acks.parsed === this.#track.position ? this.#acks.parsed : undefined),
      digest: () => screen.digest?.(),
      compared: (result) => {
        const count = this.stats.get()[result] + 1;
        this.stats.patch({ [result]: count });
        if (result !== "differs") return;
        this.events.emit("repaired", count);
        this.refresh();
      },
    });
  }

  #pump(): void {
    const at = this.#at;
    if (!at) return;
    const { channel } = at;
    for (;;) {
      const piece = this.#lane.take(this.host.maxInputBytes);
      if (!piece) return;
      this.#acks.flush();
      at.link.sendFrame({ kind: "input", channel, offset: piece.offset, data: piece.data });
    }
  }

  #sendView(): void {
    const at = this.#at;
    if (this.#visible === undefined || !at) return;
    at.link.send({ type: "view", channel: at.channel, visible: this.#visible });
  }

  /** This client drives: its own size is the session's. */
  #takeSize(): void {
    this.options.screen.resize(this.#size.cols, this.#size.rows);
    this.#sendSize();
  }

  #sendSize(): void {
    const at = this.#at;
    const { cols, rows } = this.#size;
    const now = this.state.get();
    if (!at || (now.driver === "me" && now.cols === cols && now.rows === rows)) return;
    at.link.send({ type: "resize", channel: at.channel, cols, rows });
    this.#check.disturbed();
    if (now.driver === "me") this.state.patch({ cols, rows });
  }

  #end(error: TermfleetError | undefined): void {
    if (this.#at) this.host.unbind(this.#at.link, this.#at.channel);
    this.#at = this.#asking = undefined;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#resizeTimer);
    this.#acks.stop();
    this.#check.stop();
    this.state.patch({ phase: "ended", error });
    this.host.release(this);
  }
}
