/** The page's tabs over one connection: a project's sessions, in the order of their creation. */
import {
  Code,
  Connection,
  explain,
  Fields,
  FocusStore,
  type Identity,
  isAlive,
  type ServerMessage,
  type Session,
  socketUrl,
  type TermfleetError,
  TerminalApi,
} from "@termfleet/client";
import type { Entry } from "./entry.ts";
import { FocusKeeper } from "./focus.ts";
import { isShown, type Layout, nextLayout, readLayout } from "./panes.ts";
import { type Action, actionOf } from "./shortcuts.ts";
import { asRefusal, Tab, type TabHost } from "./tab.ts";

const ACTIVE_KEY = "termfleet.active";
const LAYOUT_KEY = "termfleet.layout";
const SCREEN_READER_KEY = "termfleet.screenReader";
/** Notices that pile up say nothing; the oldest goes. */
const MAX_NOTICES = 4;
/** The sessions are asked for again after this, where once was not enough. */
const RELIST_MS = 1_000;

export interface Notice {
  id: number;
  tone: "error" | "info";
  text: string;
}

export interface WorkspaceState {
  tabs: readonly Tab[];
  /** The key of the tab that is shown. */
  active: string | undefined;
  /** How many terminals are shown at once. */
  layout: Layout;
  /** The project's sessions have been asked for and are here. */
  loaded: boolean;
  notices: readonly Notice[];
  /** What the page asks, over everything else. */
  dialog: "none" | "help" | "close";
  /** The key of the tab whose name is being typed. */
  renaming: string | undefined;
  screenReader: boolean;
  /** Milliseconds of the newest heartbeat's way there and back. */
  latency: number | undefined;
  /** The token runs out then (ISO 8601). */
  tokenExpires: string | undefined;
}

export class Workspace {
  readonly state: Fields<WorkspaceState>;
  readonly connection: Connection;
  readonly api: TerminalApi;
  readonly project: string;
  /** Which sessions of the project somebody looks at. */
  readonly focus: FocusStore;
  readonly #host: TabHost;
  readonly #keeper: FocusKeeper;
  #lastNotice = 0;
  #listing = false;
  #relist: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly entry: Entry,
    identity: Identity,
    private readonly page: Window = window,
  ) {
    const token = (): string | undefined => entry.token;
    this.project = entry.project;
    this.api = new TerminalApi({ token });
    this.connection = new Connection({
      url: socketUrl(page.location),
      token,
      identity,
      client: { name: "termfleet-web", version: "0.1.0" },
    });
    this.state = new Fields<WorkspaceState>({
      tabs: [],
      active: undefined,
      layout: readLayout(page.localStorage.getItem(LAYOUT_KEY)),
      loaded: false,
      notices: [],
      dialog: "none",
      renaming: undefined,
      screenReader: page.localStorage.getItem(SCREEN_READER_KEY) === "on",
      latency: undefined,
      tokenExpires: undefined,
    });
    this.focus = new FocusStore(this.connection, this.project);
    this.#keeper = new FocusKeeper(this.focus);
    this.#host = this.#makeHost();
    page.document.addEventListener("visibilitychange", () => this.#look());
    this.connection.state.subscribe(() => this.#connectionChanged());
    this.connection.events.on("message", (message) => this.#message(message));
    this.connection.events.on("latency", (latency) => this.state.patch({ latency }));
    this.connection.events.on("tokenExpiring", (at) => this.state.patch({ tokenExpires: at }));
  }

  get activeTab(): Tab | undefined {
    const { tabs, active } = this.state.get();
    return tabs.find((tab) => tab.key === active);
  }

  /** Has this page signed in, or tried to? */
  get hasToken(): boolean {
    return this.entry.token !== undefined;
  }

  start(): void {
    this.connection.connect();
  }

  /** Signs in with a token: anew, or in band if the connection stands. */
  async signIn(token: string): Promise<void> {
    this.entry.setToken(token);
    this.state.patch({ tokenExpires: undefined });
    if (this.connection.state.get().phase !== "connected") return this.connection.connect();
    await this.connection.refresh(token).catch((error: unknown) => this.tell(asRefusal(error)));
  }

  newTab(): Tab {
    const tab = new Tab(this.#host, this.#freeName());
    this.#setTabs([...this.state.get().tabs, tab]);
    this.select(tab);
    return tab;
  }

  select(tab: Tab, focus = true): void {
    if (this.activeTab !== tab) {
      this.state.patch({ active: tab.key, renaming: undefined });
      this.#look();
    }
    this.#remember(tab);
    if (focus) this.focusTerminal();
  }

  /** The tab `step` places further on, around the ends. */
  step(step: number, focus = true): void {
    const { tabs, active } = this.state.get();
    const at = tabs.findIndex((tab) => tab.key === active);
    const tab = tabs.at((at + step + tabs.length) % tabs.length);
    if (tab) this.select(tab, focus);
  }

  /** Closes a tab, after asking if something runs in it. */
  askToClose(tab: Tab): void {
    if (tab.isAlive) {
      this.select(tab, false);
      this.state.patch({ dialog: "close" });
    } else {
      this.close(tab);
    }
  }

  close(tab: Tab): void {
    this.#remove(tab);
    tab.close(tab.isAlive).catch((error: unknown) => {
      const refusal = asRefusal(error);
      // Gone already is what was wanted.
      if (refusal.code !== Code.SessionNotFound && refusal.code !== Code.SessionEnded) {
        this.tell(refusal);
      }
    });
  }

  #remove(tab: Tab): void {
    const { tabs, active } = this.state.get();
    const at = tabs.indexOf(tab);
    const left = tabs.filter((other) => other !== tab);
    this.state.patch({ dialog: "none" });
    this.#setTabs(left);
    if (active === tab.key) {
      this.state.patch({ active: undefined });
      const next = left[Math.min(at, left.length - 1)];
      if (next) this.select(next);
    }
    this.#look();
  }

  startRenaming(tab: Tab): void {
    this.select(tab, false);
    this.state.patch({ renaming: tab.key });
  }

  /** The name is typed; undefined leaves it as it was. */
  endRenaming(tab: Tab, name: string | undefined): void {
    if (this.state.get().renaming !== tab.key) return;
    this.state.patch({ renaming: undefined });
    if (name !== undefined) void tab.rename(name);
    this.focusTerminal();
  }

  setDialog(dialog: WorkspaceState["dialog"]): void {
    this.state.patch({ dialog });
    if (dialog === "none") this.focusTerminal();
  }

  setLayout(layout: Layout): void {
    this.page.localStorage.setItem(LAYOUT_KEY, String(layout));
    this.state.patch({ layout });
    this.#look();
    this.focusTerminal();
  }

  /** Is this tab on the screen? */
  isShown(tab: Tab): boolean {
    const { tabs, active, layout } = this.state.get();
    const front = tabs.findIndex((each) => each.key === active);
    return isShown(tabs.indexOf(tab), front, layout);
  }

  /** Looks at once whether the connection stands, and draws the active terminal anew. */
  refresh(): void {
    this.connection.probe();
    this.activeTab?.refresh();
  }

  setScreenReader(on: boolean): void {
    this.page.localStorage.setItem(SCREEN_READER_KEY, on ? "on" : "off");
    this.state.patch({ screenReader: on });
    for (const tab of this.state.get().tabs) tab.surface.terminal.options.screenReaderMode = on;
  }

  /** Puts the cursor into the terminal before the next key comes. */
  focusTerminal(): void {
    // What was changed is drawn in a microtask of its own, which is queued already.
    queueMicrotask(() => this.activeTab?.surface.focus());
  }

  /** Puts the focus on a tab, or on the active one. */
  focusTab(tab = this.activeTab): void {
    if (tab) this.page.document.getElementById(tab.key)?.focus();
  }

  tell(error: TermfleetError): void {
    this.notify("error", explain(error.code, error.message));
  }

  notify(tone: Notice["tone"], text: string): void {
    const { notices } = this.state.get();
    if (notices.some((notice) => notice.text === text)) return;
    const notice = { id: ++this.#lastNotice, tone, text };
    this.state.patch({ notices: [...notices, notice].slice(-MAX_NOTICES) });
  }

  dismiss(id: number): void {
    const { notices } = this.state.get();
    this.state.patch({ notices: notices.filter((notice) => notice.id !== id) });
  }

  /** Does what a key of the page is for. False if it is left to the browser. */
  perform(action: Action): boolean {
    const tab = this.activeTab;
    switch (action) {
      case "new":
        this.newTab();
        return true;
      case "next":
      case "previous":
        this.step(action === "next" ? 1 : -1);
        return true;
      case "panes":
        this.setLayout(nextLayout(this.state.get().layout));
        return true;
      case "refresh":
        this.refresh();
        return true;
      case "help":
        this.setDialog("help");
        return true;
      case "tabs":
        this.focusTab();
        return true;
      case "close":
        if (tab) this.askToClose(tab);
        return true;
      case "rename":
        if (tab) this.startRenaming(tab);
        return true;
      case "copy":
        if (tab) void this.#copy(tab.surface.terminal.getSelection());
        return true;
      case "paste":
        // The browser pastes by itself, and asks nobody for permission.
        return false;
    }
  }

  #connectionChanged(): void {
    const connection = this.connection.state.get();
    if (connection.phase !== "connected") return this.state.patch({ latency: undefined });
    this.state.patch({ tokenExpires: undefined });
    void this.#load();
    // A store that is away refuses this; then sessions and focus are as they are at each start.
    this.focus.subscribe().catch(() => {});
  }

  #setTabs(tabs: readonly Tab[]): void {
    this.state.patch({ tabs });
    this.#look();
  }

  /** Tells tabs and server what is looked at now. */
  #look(): void {
    const visible = this.page.document.visibilityState === "visible";
    const { tabs } = this.state.get();
    const shown = tabs.filter((tab) => this.isShown(tab));
    for (const tab of tabs) tab.setShown(visible && shown.includes(tab));
    const front = this.activeTab;
    const ordered = [...shown.filter((tab) => tab !== front), ...(front ? [front] : [])];
    const alive = ordered.filter((tab) => tab.isAlive);
    this.#keeper.show(visible ? alive.flatMap((tab) => tab.sessionId ?? []) : []);
  }

  async #load(): Promise<void> {
    if (this.#listing) return;
    this.#listing = true;
    try {
      const sessions = await this.api.listSessions(this.project);
      for (const session of sessions.filter(isAlive)) this.#known(session);
      const first = !this.state.get().loaded;
      this.state.patch({ loaded: true });
      if (first) this.#open();
    } catch (error) {
      const refusal = asRefusal(error);
      this.tell(refusal);
      if (refusal.temporary) this.#loadLater();
    } finally {
      this.#listing = false;
    }
  }

  #loadLater(): void {
    clearTimeout(this.#relist);
    this.#relist = setTimeout(() => {
      if (this.connection.state.get().phase === "connected") void this.#load();
    }, RELIST_MS);
  }

  /** The first time: the tab that was last looked at, or a first one. */
  #open(): void {
    const { tabs } = this.state.get();
    const last = this.page.sessionStorage.getItem(ACTIVE_KEY);
    const tab = tabs.find((each) => each.sessionId === last) ?? tabs[0];
    if (tab) this.select(tab);
    else this.newTab();
  }

  /** A session of the project: updates its tab, or makes one. */
  #known(session: Session): void {
    const { tabs } = this.state.get();
    const tab = tabs.find((each) => each.sessionId === session.id);
    if (tab) return tab.updated(session);
    // It may be one that this page is just making, which gets its id with the answer.
    const making = tabs.some((each) => each.state.get().phase === "starting" && !each.sessionId);
    if (making) return this.#loadLater();
    this.#setTabs([...tabs, new Tab(this.#host, session.tabName, session)]);
  }

  #message(message: ServerMessage): void {
    if (message.type === "session_updated") {
      const tab = this.state.get().tabs.find((each) => each.sessionId === message.session.id);
      tab?.updated(message.session);
    } else if (message.type === "session_created") {
      const { session } = message;
      if (session.projectId === this.project && isAlive(session)) this.#known(session);
    }
  }

  #remember(tab: Tab): void {
    const keep = (): void => {
      const id = tab.sessionId;
      if (id !== undefined) this.page.sessionStorage.setItem(ACTIVE_KEY, id);
    };
    keep();
    const unsubscribe = tab.state.subscribe(() => {
      if (tab.sessionId === undefined) return;
      if (this.activeTab === tab) keep();
      unsubscribe();
    });
  }

  async #copy(text: string): Promise<void> {
    if (text === "") return;
    try {
      await this.page.navigator.clipboard.writeText(text);
    } catch {
      // No permission, or a page over plain HTTP: the terminal's own copy event still works.
      this.focusTerminal();
      this.page.document.execCommand("copy");
    }
  }

  #freeName(): string {
    const names = new Set(this.state.get().tabs.map((tab) => tab.state.get().name));
    let number = 1;
    while (names.has(`Terminal ${number}`)) number += 1;
    return `Terminal ${number}`;
  }

  #makeHost(): TabHost {
    const screenReader = (): boolean => this.state.get().screenReader;
    return {
      connection: this.connection,
      api: this.api,
      project: this.project,
      role: () => {
        const state = this.connection.state.get();
        return state.phase === "connected" ? state.welcome.user.role : "";
      },
      sessionChanged: () => this.#look(),
      vanished: (tab) => {
        this.notify("info", `“${tab.label}” was closed elsewhere.`);
        this.#remove(tab);
        void tab.close(false);
      },
      // The page itself listens; the terminal only has to leave these keys alone.
      onKey: (event) => actionOf(event) !== undefined,
      tell: (error) => this.tell(error),
      notify: (text) => this.notify("info", text),
      get screenReader() {
        return screenReader();
      },
    };
  }
}
