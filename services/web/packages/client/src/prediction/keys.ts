/** What was typed, as far as its effect on a line can be foreseen. */

/** A key, and how many bytes it is sent as. */
export type Key = { bytes: number } & (
  | { kind: "text"; char: string }
  | { kind: "backspace" | "left" | "right" }
  /** It begins another line, or another program. */
  | { kind: "enter" }
  /** Whatever it does is not foreseen. */
  | { kind: "other" }
);

/** More at once is a paste: nobody waits for its single characters. */
const MAX_CHARS = 32;
/** Both forms of an arrow key: as a cursor is moved, and as an application wants it. */
const ARROW = /^\x1b[[O]([CD])/;

/** The keys of what a terminal has to send. */
export function keysOf(text: string): Key[] {
  const whole = new TextEncoder().encode(text).length;
  if (text.length > MAX_CHARS) return [{ kind: "other", bytes: whole }];
  const keys: Key[] = [];
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const arrow = ARROW.exec(rest);
    const char = text.charAt(at);
    const isPlain = char >= " " && char <= "~";
    if (arrow) keys.push({ kind: arrow[1] === "C" ? "right" : "left", bytes: arrow[0].length });
    else if (isPlain) keys.push({ kind: "text", char, bytes: 1 });
    else if (char === "\x7f" || char === "\b") keys.push({ kind: "backspace", bytes: 1 });
    else if (char === "\r" || char === "\n") keys.push({ kind: "enter", bytes: 1 });
    // What begins with an escape, or is longer than a byte, is one key with all that follows it.
    else return [...keys, { kind: "other", bytes: new TextEncoder().encode(rest).length }];
    at += arrow ? arrow[0].length : 1;
  }
  return keys;
}
