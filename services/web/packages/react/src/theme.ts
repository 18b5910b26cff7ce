/** How a terminal looks unless told otherwise. */
import type { ITerminalOptions, ITheme } from "@xterm/xterm";

/** Every colour has at least 4.5:1 against the background, but the two that are meant to recede. */
export const DARK_THEME: ITheme = {
  background: "#0b0f16",
  foreground: "#d5dce8",
  cursor: "#62e0c0",
  cursorAccent: "#0b0f16",
  selectionBackground: "#2b4a63",
  selectionInactiveBackground: "#22303f",
  black: "#1c2531",
  red: "#f2777f",
  green: "#7fd88f",
  yellow: "#e8c56d",
  blue: "#6cb2f7",
  magenta: "#c99bf0",
  cyan: "#5fd3d9",
  white: "#c8d1de",
  brightBlack: "#6b7b91",
  brightRed: "#ff9aa0",
  brightGreen: "#a3e9ae",
  brightYellow: "#f5dc97",
  brightBlue: "#97cbff",
  brightMagenta: "#dcbcf8",
  brightCyan: "#8fe7ea",
  brightWhite: "#f4f7fb",
};

export const TERMINAL_OPTIONS: ITerminalOptions = {
  theme: DARK_THEME,
  fontFamily:
    '"JetBrains Mono", "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
  fontSize: 14,
  lineHeight: 1.2,
  scrollback: 10_000,
  cursorBlink: false,
  cursorInactiveStyle: "outline",
  // Programs may colour text as they like; it stays readable.
  minimumContrastRatio: 3,
  macOptionClickForcesSelection: true,
};
