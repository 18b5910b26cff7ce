/**
 * What a page is entered with: a token and a project in the URL's fragment, which is no part of any
 * request. They move to session storage and out of the address bar, so that nobody copies a token
 * with a link.
 */

const TOKEN_KEY = "termfleet.token";
const PROJECT_KEY = "termfleet.project";
const DEFAULT_PROJECT = "default";
const PROJECT_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** What is needed of the page. */
export interface Page {
  location: { hash: string; pathname: string; search: string };
  history: { replaceState(data: unknown, unused: string, url: string): void };
  sessionStorage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

export class Entry {
  constructor(private readonly page: Page) {}

  /** Takes what the address bar brought. True if it was something. */
  take(): boolean {
    const { location, history, sessionStorage } = this.page;
    const fragment = new URLSearchParams(location.hash.slice(1));
    const token = fragment.get("token");
    const project = fragment.get("project");
    if (token) this.setToken(token);
    if (project && PROJECT_ID.test(project)) sessionStorage.setItem(PROJECT_KEY, project);
    if (!token && !project) return false;
    history.replaceState(null, "", location.pathname + location.search);
    return true;
  }

  get token(): string | undefined {
    return this.page.sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  }

  setToken(token: string): void {
    this.page.sessionStorage.setItem(TOKEN_KEY, token.trim());
  }

  get project(): string {
    return this.page.sessionStorage.getItem(PROJECT_KEY) ?? DEFAULT_PROJECT;
  }
}

/**
 * The token in what somebody pasted into the sign-in form: a token, or the whole URL that a server
 * printed. Undefined if it is neither.
 */
export function pastedToken(text: string): string | undefined {
  const found = /[#&]token=([^&\s]+)/.exec(text)?.[1];
  const token = found === undefined ? text.trim() : decodeURIComponent(found);
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? token : undefined;
}
