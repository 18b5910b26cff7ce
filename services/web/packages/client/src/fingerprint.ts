/** What a screen shows, as eight digits that the server makes of its own screen in the same way. */
import type { Terminal } from "@xterm/xterm";

/** FNV-1a with 32 bits. */
const OFFSET_BASIS = 0x811c_9dc5;
const PRIME = 0x0100_0193;

/**
 * The visible rows without the spaces at their ends, the cursor's row and column, and whether the
 * alternate screen is shown; hashed, in hexadecimal.
 */
export function fingerprint(terminal: Pick<Terminal, "buffer" | "cols" | "rows">): string {
  const { buffer, cols, rows } = terminal;
  const screen = buffer.active;
  let text = "";
  for (let row = 0; row < rows; row += 1) {
    const line = screen.getLine(screen.baseY + row)?.translateToString(false) ?? "";
    text += `${line.replace(/ +$/, "")}\n`;
  }
  // Behind the last column the cursor waits to wrap: it is shown on that column.
  text += `${screen.cursorY},${Math.min(screen.cursorX, cols - 1)}`;
  if (screen.type === "alternate") text += ",alt";
  return fnv1a(new TextEncoder().encode(text));
}

/** The hash of bytes, as eight lower-case hexadecimal digits. */
export function fnv1a(bytes: Uint8Array): string {
  let hash = OFFSET_BASIS;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
