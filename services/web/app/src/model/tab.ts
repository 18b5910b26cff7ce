/** One tab: a terminal, the session that it shows, and what is to be said about both. */
import {
  type Attachment,
  type AttachmentState,
  type AttachmentStats,
  Code,
  type Connection,
  Fields,
  type Session,
  type SessionEvent,
  TermfleetError,
  type TerminalApi,
} from "@termfleet/client";
import { type Size, TerminalSurface } from "@termfleet/react";
import { type Banner, bannerOf, type Remedy } from "./banner.ts";
import { progressText } from "./progress.ts";
import { isEnter } from "./shortcuts.ts";

/** The label on a session whose name was chosen by somebody: programs do not change it then. */
export const RENAMED_LABEL = "termfleet.renamed";
/** The longest name that the server takes, in bytes; titles are shown shorter than that. */
const NAME_BYTES = 256;
const TITLE_CHARS = 80;
/** How an attachment ends whose session somebody closed; one that ended by itself says otherwise. */
const CLOSED = "closed";
/** What may be typed before there is a session; more would be a paste into nowhere. */
const EARLY_CHARS = 4_096;

export interface TabState {
  /** `starting`: no session yet; `open`: there is one, whatever its state. */
  phase: "starting" | "open" | "failed";
  /** The session's own name. */
  name: string;
  /** Somebody chose the name. */
  renamed: boolean;
  /** What the program calls itself. */
  title: string;
  /** It rang, or had news, while nobody looked. */
  attention: boolean;
  /** How far its program is, in words; empty if it does not say. */
  progress: string;
  /** The directory that its shell is in; empty if it does not say. */
  directory: string;
  session: Session | undefined;
  attachment: AttachmentState | undefined;
  failure: TermfleetError | undefined;
}

/** What a tab needs of its workspace. */
export interface TabHost {
  readonly connection: Connection;
  readonly api: TerminalApi;
  readonly project: string;
  /** The user's role, as far as it is known. */
  role(): string;
  /** The session that it shows is another one, has come or has ended. */
  sessionChanged(): void;
  /** Its session was closed elsewhere: there is nothing left to show. */
  vanished(tab: Tab): void;
  /** A key that may be one of the page's; true if it was. */
  onKey(event: KeyboardEvent): boolean;
  /** Something went wrong that the tab itself does not show. */
  tell(error: TermfleetError): void;
  /** Something that a program has to say to whoever is here. */
  notify(text: string): void;
  readonly screenReader: boolean;
}

let lastKey = 0;

export class Tab {
  /** Names it on the page; sessions come and go in a tab. */
  readonly key = `tab-${++lastKey}`;
  readonly state: Fields<TabState>;
  readonly surface: TerminalSurface;
  #attachment: Attachment | undefined;
  #size: Size | undefined;
  #begun = false;
  /** This page made the session and has not come to it yet. */
  #claims = false;
  /** It has a place on a page that is looked at. */
  #shown = false;
  /** That place has not been scrolled away. */
  #inView = true;
  #closed = false;
  /** Typed before there was a session. */
  #early = "";
  #watches: (() => void)[] = [];

  constructor(
    private readonly host: TabHost,
    name: string,
    session?: Session,
  ) {
    this.state = new Fields<TabState>({
      phase: "starting",
      name: session?.tabName ?? name,
      renamed: session?.labels[RENAMED_LABEL] !== undefined,
      title: "",
      attention: false,
      progress: "",
      directory: "",
      session,
      attachment: undefined,
      failure: undefined,
    });
    this.surface = new TerminalSurface({
      onSize: (size) => this.#sized(size),
      onRefused: (text) => this.#untaken(text),
      onKey: (event) => this.#key(event),
      onTitle: (title) => this.setTitle(title),
      onBell: () => this.#wantsAttention(),
      onView: (inView) => this.#see(() => (this.#inView = inView)),
      terminal: { screenReaderMode: host.screenReader },
    });
  }

  get sessionId(): string | undefined {
    return this.state.get().session?.id;
  }

  /** How often its screen was compared with the server's, and what came of it. */
  get checks(): AttachmentStats {
    return this.#attachment?.stats.get() ?? { same: 0, differs: 0, missed: 0 };
  }

  /** What the tab is called on the page. */
  get label(): string {
    const { renamed, title, name } = this.state.get();
    return renamed || title === "" ? name : title;
  }

  get banner(): Banner | undefined {
    const { failure, attachment, session } = this.state.get();
    return bannerOf({
      failure,
      attachment,
      mode: session?.mode ?? "normal",
      role: this.host.role(),
    });
  }

  /** Does anything run in it that closing would end? */
  get isAlive(): boolean {
    const { phase, attachment } = this.state.get();
    return phase === "open" && attachment?.exit === undefined && attachment?.phase !== "ended";
  }

  setTitle(title: string): void {
    const clean = title.replaceAll(/\p{Cc}/gu, "").trim();
    this.state.patch({ title: clean.slice(0, TITLE_CHARS) });
  }

  /** Gives it a name that stays; an empty one lets programs name it again. */
  async rename(text: string): Promise<void> {
    const { session, name, renamed } = this.state.get();
    const wanted = fit(text.replaceAll(/\p{Cc}/gu, "").trim());
    if (!session || (wanted === name && renamed)) return;
    const { [RENAMED_LABEL]: _gone, ...others } = session.labels;
    const labels = wanted === "" ? others : { ...others, [RENAMED_LABEL]: "yes" };
    const patch = wanted === "" ? { labels } : { labels, tabName: wanted };
    this.state.patch({ renamed: wanted !== "", ...(wanted === "" ? {} : { name: wanted }) });
    try {
      this.updated(await this.host.api.updateSession(session.id, patch));
    } catch (error) {
      this.state.patch({ name, renamed });
      this.#tell(error);
    }
  }

  /** The session's record has changed, here or elsewhere. */
  updated(session: Session): void {
    const renamed = session.labels[RENAMED_LABEL] !== undefined;
    this.state.patch({ session, name: session.tabName, renamed });
  }

  /** Does what a banner offers. */
  remedy(remedy: Remedy): void {
    switch (remedy) {
      case "take":
        return this.#attachment?.take();
      case "sendAgain":
        return this.#attachment?.settleDoubt(true);
      case "forget":
        return this.#attachment?.settleDoubt(false);
      case "restart":
        return this.#restart();
      case "retry":
        return this.#begin();
    }
  }

  /** It is on a screen that somebody may look at, or is not any more. */
  setShown(shown: boolean): void {
    this.#see(() => (this.#shown = shown));
  }

  /** Draws its screen anew, from what the server has. */
  refresh(): void {
    this.#attachment?.refresh();
  }

  /** Leaves the session; `end`: and ends it. */
  async close(end: boolean): Promise<void> {
    const id = this.sessionId;
    this.#closed = true;
    this.#unwatch();
    this.#attachment?.detach();
    this.surface.dispose();
    if (end && id !== undefined) await this.host.api.deleteSession(id);
  }

  #sized(size: Size): void {
    this.#size = size;
    const drives = !this.#attachment || this.#attachment.state.get().driver === "me";
    if (drives) this.surface.terminal.resize(size.cols, size.rows);
    this.#attachment?.resize(size.cols, size.rows);
    if (!this.#begun) this.#begin();
  }

  #begin(): void {
    this.#begun = true;
    this.state.patch({ failure: undefined, phase: "starting" });
    const { session } = this.state.get();
    if (session) this.#attach(session, false);
    else void this.#create();
  }

  async #create(): Promise<void> {
    const { cols, rows } = this.#size ?? this.surface.terminal;
    const tabName = this.state.get().name;
    const config = { tabName, cols, rows };
    try {
      const session = await this.host.api.createSession({ projectId: this.host.project, config });
      // Closed in the meantime: nobody would ever find this shell again.
      if (this.#closed) return await this.host.api.deleteSession(session.id);
      this.state.patch({ session, name: session.tabName });
      this.#attach(session, true);
    } catch (error) {
      if (this.#closed) return this.#tell(error);
      this.#early = "";
      this.state.patch({ phase: "failed", failure: asRefusal(error) });
    }
  }

  #attach(session: Session, fresh: boolean): void {
    this.#unwatch();
    const { cols, rows } = this.#size ?? session;
    const attachment = this.host.connection.attach(session.id, {
      screen: this.surface.screen,
      cols,
      rows,
      // Fed every byte while it is focused, else as much as is seen of it.
      tier: "auto",
      ...(fresh ? { startEpoch: session.epoch } : {}),
    });
    this.#attachment = attachment;
    this.#tellView();
    this.#claims = fresh;
    this.surface.show(attachment);
    this.state.patch({ phase: "open", attachment: attachment.state.get() });
    this.#watches = [
      attachment.state.subscribe(() => this.#attachmentChanged(attachment)),
      attachment.events.on("refused", (error) => {
        // Its banner says it better, and offers what to do.
        if (error.code !== Code.TakenOver) this.host.tell(error);
      }),
      attachment.events.on("event", (event) => this.#event(event)),
    ];
    this.host.sessionChanged();
    if (this.#early !== "") attachment.send(new TextEncoder().encode(this.#early));
    this.#early = "";
  }

  #attachmentChanged(attachment: Attachment): void {
    const before = this.state.get().attachment;
    const now = attachment.state.get();
    this.state.patch({ attachment: now });
    this.#claim(attachment, now);
    this.#tellView();
    if (before?.exit !== now.exit || before?.phase !== now.phase) this.host.sessionChanged();
    const ended = now.phase === "ended" && before?.phase === "live" ? now.error : undefined;
    if (ended?.code === Code.SessionEnded && ended.message === CLOSED) this.host.vanished(this);
  }

  /** Whoever makes a session drives it, even if another page, which heard of it, came to it first. */
  #claim(attachment: Attachment, { phase, driver }: AttachmentState): void {
    if (!this.#claims || phase !== "live") return;
    this.#claims = false;
    if (driver === "other") attachment.take();
  }

  /** A new shell where the old one ended: another session in the same tab. */
  #restart(): void {
    this.#unwatch();
    this.#attachment?.detach();
    this.#attachment = undefined;
    this.surface.screen.reset(this.surface.terminal.cols, this.surface.terminal.rows);
    if (this.#size) this.surface.screen.resize(this.#size.cols, this.#size.rows);
    const nothing = { title: "", progress: "", directory: "" };
    this.state.patch({ session: undefined, attachment: undefined, ...nothing });
    this.#begin();
  }

  #unwatch(): void {
    for (const unwatch of this.#watches.splice(0)) unwatch();
  }

  #untaken(text: string): void {
    const { phase } = this.state.get();
    if (phase === "starting" && this.#early.length + text.length <= EARLY_CHARS) {
      this.#early += text;
    }
  }

  #key(event: KeyboardEvent): boolean {
    if (this.host.onKey(event)) return true;
    const { banner } = this;
    const first = banner?.remedies[0];
    if (!first || !banner?.keys || !isEnter(event)) return false;
    if (event.type === "keydown" && !event.repeat) this.remedy(first.remedy);
    event.preventDefault();
    return true;
  }

  get #isSeen(): boolean {
    return this.#shown && this.#inView;
  }

  /** Whether it is seen may change by this. */
  #see(change: () => void): void {
    const before = this.#isSeen;
    change();
    if (before === this.#isSeen) return;
    if (this.#isSeen) this.state.patch({ attention: false });
    this.#tellView();
  }

  /**
   * A server that watches screens itself, as it answers their queries, says what happens on those that
   * it does not send. Of any other output is wanted, as bells and titles are in it.
   */
  #tellView(): void {
    const attachment = this.#attachment;
    attachment?.view(this.#isSeen || !attachment.state.get().answersQueries);
  }

  /** What a program says beside its screen, also while its screen is not sent. */
  #event(event: SessionEvent): void {
    switch (event.kind) {
      case "title":
        return this.setTitle(event.title);
      case "cwd":
        return this.state.patch({ directory: event.path });
      case "progress":
        return this.state.patch({ progress: progressText(event) });
      case "bell":
      case "waiting":
        return this.#wantsAttention();
      case "notification": {
        const text = [event.title, event.body].filter((part) => part !== "").join(": ");
        this.host.notify(`${this.label}: ${text}`);
        return this.#wantsAttention();
      }
      default:
    }
  }

  #wantsAttention(): void {
    if (!this.#isSeen) this.state.patch({ attention: true });
  }

  #tell(error: unknown): void {
    this.host.tell(asRefusal(error));
  }
}

/** What went wrong, as a refusal. Anything else is a mistake of this program: it is thrown on. */
export function asRefusal(error: unknown): TermfleetError {
  if (error instanceof TermfleetError) return error;
  throw error;
}

/** The text, as much of it as a name may be long. */
function fit(text: string): string {
  let name = text;
  while (new TextEncoder().encode(name).length > NAME_BYTES) name = [...name].slice(0, -1).join("");
  return name;
}
