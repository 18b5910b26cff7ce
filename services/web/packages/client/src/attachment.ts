/**
 * One session on one client, over as many sockets as it takes: its output goes to a screen
 * (`drawing.ts`), its input to the shell (`typing.ts`), each byte once. `connection.ts` hands it
 * links; it asks on each for its channel and goes on where it was.
 */
import {
  type AttachmentEvents,
  type AttachmentHost,
  type AttachmentState,
  type AttachmentStats,
  type AttachOptions,
  type Exit,
  exitOf,
  initialState,
} from "./attach.ts";
import { retryDelay } from "./backoff.ts";
import { Channel } from "./channel.ts";
import { Code, TermfleetError } from "./codes.ts";
import { Drawing, type DrawingHost, keepsScrollback } from "./drawing.ts";
import { Emitter } from "./emitter.ts";
import type { ServerFrame } from "./frames.ts";
import type { Link } from "./link.ts";
import type {
  Attached,
  ControlAction,
  Detached,
  ErrorMessage,
  ServerMessage,
  SessionEvent,
} from "./messages.ts";
import { SEAM_ROWS } from "./seam.ts";
import { Fields } from "./store.ts";
import { Typing } from "./typing.ts";

/** Resizes go out at most this often, the last one always: the server takes 20 a second. */
const RESIZE_INTERVAL_MS = 50;
/** Rows of scrollback that a snapshot brings unless asked otherwise: the server's own limit. */
const SNAPSHOT_ROWS = 500;

export class Attachment {
  readonly state: Fields<AttachmentState>;
  readonly events = new Emitter<AttachmentEvents>();
  readonly stats: Fields<AttachmentStats>;
  readonly #typing: Typing;
  readonly #drawing: Drawing;
  /** Where bytes come and go now. */
  #at: Channel | undefined;
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
    this.#typing = this.#type();
    this.#drawing = this.#draw();
    this.stats = this.#drawing.stats;
    this.state = new Fields(initialState(cols, rows));
  }

  /**
   * Sends input. False if it is not taken: the attachment has ended, somebody else drives, or more
   * is waiting than may. While there is no connection it waits, and is sent once there is one.
   */
  send(data: Uint8Array): boolean {
    const { phase, driver, exit } = this.state.get();
    if (phase === "ended" || driver === "other" || exit) return false;
    return this.#typing.push(data);
  }

  /** The input offset after everything that was sent or waits to be. */
  get typedTo(): number {
    return this.#typing.end;
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
    this.#at?.control(action, (answer) => {
      if (answer instanceof TermfleetError) this.events.emit("refused", answer);
      else if (action === "take") this.#drive("me");
    });
  }

  /** Tells the server whether the session is on the screen. Until told otherwise, it is. */
  view(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#sendView();
    this.#drawing.lookedAt(visible);
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
    this.#at?.detach();
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
        ...this.#drawing.resumePoint,
        ...(tier === undefined ? {} : { tier }),
        ...this.#size,
        snapshotRows,
        ...(keepsScrollback(this.options.screen) ? { redrawRows: 0 } : {}),
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
    this.#drawing.pause();
    if (this.state.get().phase === "ended") return;
    this.state.patch({ phase: this.#asking ? "attaching" : "waiting" });
  }

  /** A frame of this attachment's channel. */
  frame(frame: ServerFrame): void {
    switch (frame.kind) {
      case "input_ack":
        this.#typing.acked(frame.offset);
        this.events.emit("acked", { offset: frame.offset, echo: frame.echo });
        return this.#typing.pump();
      case "snapshot":
        return this.#drawing.snapshot(frame);
      case "output":
        return this.#drawing.output(frame);
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
    }
  }

  #attached(link: Link, message: Attached): void {
    if (this.state.get().phase === "ended") return;
    if (this.#at) this.host.unbind(this.#at.link, this.#at.number);
    this.#at = new Channel(link, message.channel);
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
    const doubt = this.#typing.begin(message);
    const continues = this.#drawing.begin(message);
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
    this.#drawing.disturbed();
    if (!continues) this.#sync(undefined);
    if (driver) this.#takeSize();
    else if (recovered) this.options.screen.resize(cols, rows);
    this.#typing.pump();
  }

  #attachRefused(link: Link, error: TermfleetError): void {
    // The worker has less than this client: what it has is another history.
    if (error.code === Code.BadOffset) this.#drawing.forget();
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
    if (!at || at.link !== link || at.number !== message.channel) return;
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
      this.#drawing.disturbed();
      this.state.patch({ cols: event.cols, rows: event.rows });
      if (this.state.get().driver !== "me") this.options.screen.resize(event.cols, event.rows);
    } else if (event.kind === "status") {
      this.state.patch({ status: event.status });
    } else if (event.kind === "tier") {
      this.#drawing.disturbed();
      this.state.patch({ tier: event.tier });
    } else if (event.kind === "exited") {
      this.#exited(event);
    }
    this.events.emit("event", event);
  }

  #exited(told: Exit): void {
    this.state.patch({ exit: exitOf(told), doubt: undefined });
  }

  #drive(driver: AttachmentState["driver"]): void {
    this.state.patch({ driver });
    if (driver === "me") this.#takeSize();
  }

  #error(message: ErrorMessage): void {
    const next = message.nextInputOffset;
    if (message.code === Code.InputGap || message.code === Code.InputWindowExceeded) {
      if (next !== undefined) this.#typing.again(next, message.code);
      return;
    }
    if (message.code === Code.BadOffset) return; // A snapshot follows by itself.
    // On a link that is being left, it is this client itself that took over: it is all sent again.
    if (message.code === Code.TakenOver && this.#isMoving) return;
    if (message.code === Code.TakenOver) this.state.patch({ driver: "other" });
    if (next !== undefined) this.#typing.refused(next);
    this.events.emit("refused", new TermfleetError(message.code, message.message));
  }

  #sync(offset: number | undefined): void {
    const at = this.#at;
    if (!at) return;
    at.sync(offset, (answer) => {
      if (this.#at !== at) return;
      if (answer instanceof TermfleetError) this.#syncRefused(at.link, answer);
      else if (answer.type === "synced" && answer.channel === at.number) this.#continue(answer);
      else if (answer.type === "synced") this.#attached(at.link, answer);
    });
  }

  #syncRefused(link: Link, error: TermfleetError): void {
    // A new attachment is the one thing that always leads to a proven state.
    if (error.code === Code.BadOffset) this.#drawing.forget();
    this.#askAgain(link, error);
  }

  #type(): Typing {
    return new Typing({
      maxBytes: () => this.host.maxInputBytes,
      open: () => this.#at !== undefined,
      sendInput: (piece) => {
        this.#drawing.acknowledge();
        this.#at?.input(piece);
      },
      doubted: (doubt) => this.state.patch({ doubt }),
    });
  }

  #draw(): Drawing {
    const host: DrawingHost = {
      ack: (offset) => this.#at?.ack(offset),
      sync: (offset) => this.#sync(offset),
      check: (answer) => {
        const at = this.#at;
        const { phase, tier } = this.state.get();
        // Who is not fed every byte has another screen than the server for a while.
        if (phase !== "live" || tier !== "live") return;
        at?.check((picture) => answer(this.#at === at ? picture : undefined));
      },
      history: (answer) => {
        const at = this.#at;
        at?.history(this.sessionId, SEAM_ROWS, (rows) => this.#at === at && answer(rows));
      },
      replaced: () => this.state.get().driver === "me" && this.#takeSize(),
      differs: (count) => {
        this.events.emit("repaired", count);
        this.refresh();
      },
    };
    return new Drawing(this.options.screen, host, this.options.startEpoch);
  }

  #sendView(): void {
    if (this.#visible !== undefined) this.#at?.view(this.#visible);
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
    at.resize(cols, rows);
    this.#drawing.disturbed();
    if (now.driver === "me") this.state.patch({ cols, rows });
  }

  #end(error: TermfleetError | undefined): void {
    if (this.#at) this.host.unbind(this.#at.link, this.#at.number);
    this.#at = this.#asking = undefined;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#resizeTimer);
    this.#drawing.stop();
    this.state.patch({ phase: "ended", error });
    this.host.release(this);
  }
}
