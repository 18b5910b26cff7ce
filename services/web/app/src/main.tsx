/** The built-in web terminal: takes its entry, makes its workspace, and draws it. */
import { claimIdentity, watchPage } from "@termfleet/client";
import "@xterm/xterm/css/xterm.css";
import { createRoot } from "react-dom/client";
import "./app.css";
import { debugHandle } from "./model/debug.ts";
import { Entry } from "./model/entry.ts";
import { Workspace } from "./model/workspace.ts";
import { App } from "./ui/App.tsx";

async function main(): Promise<void> {
  const entry = new Entry(window);
  entry.take();
  // A URL with another token, pasted over this page, only changes the fragment.
  window.addEventListener("hashchange", () => {
    if (entry.take()) window.location.reload();
  });
  const identity = await claimIdentity(window.sessionStorage, navigator.locks);
  const workspace = new Workspace(entry, identity);
  window.termfleet = debugHandle(workspace);
  watchPage(workspace.connection);
  const root = document.getElementById("root");
  if (root) createRoot(root).render(<App workspace={workspace} />);
  workspace.start();
}

void main();
