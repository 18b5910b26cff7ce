/** What a click on a link in a terminal may do. Output is written by anybody: only the web is opened. */

/** The address, if it is one of the web; `javascript:`, `data:`, `file:` and the like are dead. */
export function safeLink(text: string): string | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Opens a link in a tab that knows nothing of this page. */
export function openLink(_event: MouseEvent, text: string): void {
  const href = safeLink(text);
  if (href !== undefined) window.open(href, "_blank", "noopener,noreferrer");
}
