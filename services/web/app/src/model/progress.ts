/** What a program says of how far it is (OSC 9;4), in words for a tab. */
import type { ProgressState } from "@termfleet/client";

export interface Progress {
  state?: ProgressState;
  percent?: number;
}

/** How far a program is, in as few words as fit on a tab. */
export function progressText({ state, percent }: Progress): string {
  const share = percent === undefined ? "" : `${Math.round(percent)} %`;
  switch (state) {
    case "normal":
      return share;
    case "indeterminate":
      return "busy";
    case "error":
    case "paused":
      return [state === "error" ? "failed" : state, share].filter((part) => part !== "").join(" ");
    default:
      return "";
  }
}
