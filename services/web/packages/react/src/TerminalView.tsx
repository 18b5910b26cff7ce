/** Shows a terminal's surface; hidden ones keep their layout, so that they always know their size. */
import { type ReactElement, useLayoutEffect, useRef } from "react";
import type { TerminalSurface } from "./surface.ts";

export interface TerminalViewProps {
  surface: TerminalSurface;
  /** Only visible ones are reachable. */
  visible: boolean;
  /** Of several visible ones, the one that the page is about. */
  active?: boolean;
  /** Where it lies among several: the place and how many places there are, for the style sheet. */
  pane?: { at: number; of: number };
  id?: string;
  /** The id of what names it: its tab. */
  labelledBy?: string;
  /** The cursor comes into it. */
  onFocus?: () => void;
}

export function TerminalView({
  surface,
  visible,
  active = visible,
  pane,
  id,
  labelledBy,
  onFocus,
}: TerminalViewProps): ReactElement {
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
      data-active={active}
      data-pane={pane && `${pane.at + 1}/${pane.of}`}
      onFocus={onFocus}
    />
  );
}
