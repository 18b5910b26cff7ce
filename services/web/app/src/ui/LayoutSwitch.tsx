/** How many terminals are shown at once: three buttons, one of them pressed. */
import { useReadable } from "@termfleet/react";
import type { ReactElement } from "react";
import { type Layout, LAYOUTS } from "../model/panes.ts";
import type { Workspace } from "../model/workspace.ts";

const NAMES: Record<Layout, string> = {
  1: "One terminal",
  2: "Two terminals",
  4: "Four terminals",
};
/** The lines between the panes, in a square of 14. */
const LINES: Record<Layout, string> = { 1: "", 2: "M7 1V13", 4: "M7 1V13M1 7H13" };

export function LayoutSwitch({ workspace }: { workspace: Workspace }): ReactElement {
  const { layout } = useReadable(workspace.state);
  return (
    <div className="layouts" role="group" aria-label="Terminals at once">
      {LAYOUTS.map((each) => (
        <button
          key={each}
          type="button"
          className="icon-button"
          aria-label={NAMES[each]}
          aria-pressed={each === layout}
          title={`${NAMES[each]} (Ctrl+Shift+G)`}
          data-testid={`layout-${each}`}
          onClick={() => workspace.setLayout(each)}
        >
          <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
            <rect x="1" y="1" width="12" height="12" rx="2" />
            <path d={LINES[each]} />
          </svg>
        </button>
      ))}
    </div>
  );
}
