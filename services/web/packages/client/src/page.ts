/** What a browser's page tells a connection: that it is looked at, or back from sleep. */
import type { Connection } from "./connection.ts";
import type { Unsubscribe } from "./emitter.ts";

/** Keeps a connection informed of its page until the returned function is called. */
export function watchPage(connection: Connection, page: Window = window): Unsubscribe {
  const { document } = page;
  const probe = (): void => connection.probe();
  const look = (): void => {
    const visible = document.visibilityState === "visible";
    connection.setBusy(visible);
    if (visible) connection.probe();
  };
  connection.setBusy(document.visibilityState === "visible");
  page.addEventListener("pageshow", probe);
  page.addEventListener("online", probe);
  document.addEventListener("visibilitychange", look);
  return () => {
    page.removeEventListener("pageshow", probe);
    page.removeEventListener("online", probe);
    document.removeEventListener("visibilitychange", look);
  };
}

/** The address of a server's socket, from that of its page. */
export function socketUrl(page: { protocol: string; host: string }, path = "/terminal"): string {
  return `${page.protocol === "https:" ? "wss:" : "ws:"}//${page.host}${path}`;
}
