/** `@termfleet/react`: terminals of `@termfleet/client` as React components. */
export {
  ConnectionStatus,
  statusName,
  type StatusName,
} from "./ConnectionStatus.tsx";
export { openLink, safeLink } from "./links.ts";
export { type Size, type SurfaceOptions, TerminalSurface } from "./surface.ts";
export { TerminalView, type TerminalViewProps } from "./TerminalView.tsx";
export { DARK_THEME, TERMINAL_OPTIONS } from "./theme.ts";
export { useReadable } from "./useReadable.ts";
