/** Shows a terminal's surface; hidden ones keep their layout, so that they always know their size. */
import { type ReactElement, useLayoutEffect, useRef } from "react";
import type { TerminalSurface } from "./surface.ts";

export interface TerminalViewProps {
  surface: TerminalSurface;
  /** Only the visible one is reachable. */
  visible: boolean;
  id?: string;
  /** The id of what names it: its tab. */
  labelledBy?: string;
}

export function TerminalView({ surface, visible, id, labelledBy }: TerminalViewProps): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (place.current) surface.mount(place.current);
    return () => surface.unmount();
  }, [surface]);
  return (
    <div
      ref={place}
      id={id}
      role="tabpanel"
      aria-labelledby={labelledBy}
      aria-hidden={!visible}
      inert={!visible}
      className="termfleet-view"
      data-testid="terminal"
      data-visible={visible}
    />
  );
}
