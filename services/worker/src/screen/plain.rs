//! Plain output: text, the ends of lines, colors of text. Most of a flood is that, and whatever of it
//! scrolls away before anybody can see it need not be drawn (`emulator/pass.rs`).
//!
//! What such output does depends neither on the row that the cursor is in nor on what stands in the
//! rows around it, as long as rows that scroll in are blank and have the default background.

use std::ops::Range;

use alacritty_terminal::vte::ansi::{Attr, Color, NamedColor, Rgb};
use unicode_width::UnicodeWidthChar as _;

/// So many bytes at least are left out at once: less is not worth it.
pub(super) const LEAST_BYTES: usize = 1024;
/// How many bytes are looked at in one step.
const STEP: usize = 16;
/// The longest SGR that is looked at.
const STYLE_BYTES: usize = 48;

/// What plain output consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// Printable ASCII.
    Text(&'a [u8]),
    /// Another character, of one or two cells.
    Wide(char, usize),
    /// A carriage return, followed by others or a line feed.
    Return,
    LineFeed,
    Tab,
    /// SGR without a background: its parameters.
    Style(&'a [u8]),
    /// Erases what is right of the cursor, where nothing is.
    Erase,
}

/// The item that begins there, and its length; none if what begins there is not plain.
pub(super) fn item(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let one = |item| Some((item, 1));
    match *bytes.first()? {
        b'\n' => one(Item::LineFeed),
        b'\r' => ends_line(bytes).then_some((Item::Return, 1)),
        b'\t' => one(Item::Tab),
        0x1B => sequence(bytes),
        0x20..=0x7E => {
            let length = run_length(bytes, |byte| matches!(byte, 0x20..=0x7E));
            Some((Item::Text(&bytes[..length]), length))
        }
        0xC2..=0xF4 => character(bytes),
        _ => None,
    }
}

/// In `bytes`, which begin where no sequence is open: the lines that pass a screen of so many rows.
/// They begin after a line feed, and so much plain output follows them that it fills the screen.
pub(super) fn passing(bytes: &[u8], rows: usize) -> Option<Range<usize>> {
    let mut from = 0;
    while bytes.len() - from >= LEAST_BYTES {
        let end = from + plain_length(&bytes[from..]);
        if let Some(lines) = lines(&bytes[from..end], rows) {
            return Some(from + lines.start..from + lines.end);
        }
        from = end + after(&bytes[end..])?;
    }
    None
}

/// The lines in plain output that leave room for those which fill the screen.
fn lines(plain: &[u8], rows: usize) -> Option<Range<usize>> {
    if plain.len() < LEAST_BYTES {
        return None;
    }
    let start = plain.iter().position(|byte| *byte == b'\n')? + 1;
    let mut end = plain.len();
    // The last one only ends the last line.
    for _ in 0..rows {
        end = start + plain[start..end].iter().rposition(|byte| *byte == b'\n')?;
    }
    (end + 1 >= start + LEAST_BYTES).then_some(start..end + 1)
}

/// How many bytes at the beginning are plain.
fn plain_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += run_length(&bytes[at..], |byte| matches!(byte, 0x20..=0x7E | b'\n' | b'\t'));
        match item(&bytes[at..]) {
            Some((_, length)) => at += length,
            None => return at,
        }
    }
}

/// How long what is not plain is; none, if that is not easily known.
fn after(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [] | [0x1B] => None,
        [0x1B, b'[', rest @ ..] => {
            let last = rest.iter().position(|byte| !matches!(byte, 0x20..=0x3F))?;
            matches!(rest[last], 0x40..=0x7E).then_some(2 + last + 1)
        }
        [0x1B, b']' | b'P' | b'X' | b'^' | b'_', ..] => None,
        [0x1B, 0x30..=0x7E, ..] => Some(2),
        [0x1B, ..] => None,
        _ => Some(1),
    }
}

/// How many bytes at the beginning are of a kind.
fn run_length(bytes: &[u8], kind: impl Fn(u8) -> bool) -> usize {
    // In steps that compilers turn into vector instructions.
    let whole = |step: &&[u8]| step.iter().fold(true, |all, byte| all & kind(*byte));
    let steps = STEP * bytes.chunks_exact(STEP).take_while(whole).count();
    steps + bytes[steps..].iter().take_while(|byte| kind(**byte)).count()
}

fn ends_line(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| **byte != b'\r') == Some(&b'\n')
}

fn character(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let longest = &bytes[..bytes.len().min(4)];
    let first = match std::str::from_utf8(longest) {
        Ok(text) => text.chars().next(),
        Err(error) => longest[..error.valid_up_to()].utf8_chunks().next()?.valid().chars().next(),
    }?;
    let cells = first.width().filter(|cells| *cells > 0)?;
    Some((Item::Wide(first, cells), first.len_utf8()))
}

fn sequence(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let rest = bytes.strip_prefix(b"\x1b[")?;
    let last = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';'))?;
    let (parameters, length) = (&rest[..last], 2 + last + 1);
    match (rest[last], parameters) {
        (b'm', parameters) if last <= STYLE_BYTES && attributes(parameters, |_| {}).is_some() => {
            Some((Item::Style(parameters), length))
        }
        (b'K', b"" | b"0") => Some((Item::Erase, length)),
        _ => None,
    }
}

/// What SGR parameters set; none, if they may set a background, or something rare.
pub(super) fn attributes(parameters: &[u8], mut set: impl FnMut(Attr)) -> Option<()> {
    let mut numbers = parameters.split(|byte| *byte == b';').map(number);
    while let Some(number) = numbers.next() {
        set(match number {
            0 => Attr::Reset,
            1 => Attr::Bold,
            2 => Attr::Dim,
            3 => Attr::Italic,
            4 => Attr::Underline,
            7 => Attr::Reverse,
            8 => Attr::Hidden,
            9 => Attr::Strike,
            22 => Attr::CancelBoldDim,
            23 => Attr::CancelItalic,
            24 => Attr::CancelUnderline,
            27 => Attr::CancelReverse,
            28 => Attr::CancelHidden,
            29 => Attr::CancelStrike,
            30..=37 => Attr::Foreground(Color::Named(COLORS[usize::from(number - 30)])),
            38 => Attr::Foreground(color(&mut numbers)?),
            39 => Attr::Foreground(Color::Named(NamedColor::Foreground)),
            // It is that already.
            49 => Attr::Background(Color::Named(NamedColor::Background)),
            90..=97 => Attr::Foreground(Color::Named(COLORS[usize::from(number - 90 + 8)])),
            _ => return None,
        });
    }
    Some(())
}

const COLORS: [NamedColor; 16] = [
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
];

fn color(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let kind = numbers.next()?;
    let mut component = || numbers.next().and_then(|number| u8::try_from(number).ok());
    match kind {
        5 => component().map(Color::Indexed),
        2 => Some(Color::Spec(Rgb { r: component()?, g: component()?, b: component()? })),
        _ => None,
    }
}

fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0u16, |number, digit| {
        number.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    //! What is plain, and which lines pass.
    use super::*;

    fn is_plain(text: &str) -> bool {
        plain_length(text.as_bytes()) == text.len()
    }

    #[test]
    fn text_lines_and_colors_of_text_are_plain() {
        for plain in [
            "",
            "a b~\r\n\r\r\n\n",
            "\t",
            "é✅界",
            "\x1b[m\x1b[0m\x1b[1;4;31;97m",
            "\x1b[38;5;44m\x1b[38;2;40;41;48;1m",
            "\x1b[K\x1b[0K",
            &"x".repeat(STEP * 3 + 1),
        ] {
            assert!(is_plain(plain), "{plain:?}");
        }
        for other in [
            "\r",
            "a\rb\n",
            "\x07",
            "\x08",
            "\x7f",
            "\u{85}",
            "\u{301}",
            "\u{200d}",
            "\x1b",
            "\x1b[",
            "\x1b[3",
            "\x1b[44m",
            "\x1b[48;5;1m",
            "\x1b[103m",
            "\x1b[38;7;44m",
            "\x1b[38:5:1m",
            "\x1b[58;5;1m",
            "\x1b[38;5m",
            &format!("\x1b[{}m", "1;".repeat(25)),
            "\x1b[38;2;256;44;1m",
            "\x1b[1K",
            "\x1b[H",
            "\x1b[?25l",
            "\x1bD",
            "\x1b]0;a\x07",
        ] {
            assert!(!is_plain(other), "{other:?}");
        }
        assert_eq!(plain_length(b"a\xC3\xA9\xC3"), 3);
        assert_eq!(plain_length(b"a\xC3a"), 1);
        assert_eq!(plain_length(b"a\xFF"), 1);
    }

    #[test]
    fn lines_pass_that_leave_a_screenful_behind() {
        let line = format!("{}\r\n", "x".repeat(62));
        for rows in [1, 5, 24] {
            for (lines, passes) in [(16, false), (17, true), (18, true)] {
                let text = line.repeat(lines + rows - 1);
                let found = passing(text.as_bytes(), rows);
                let expected = passes.then(|| 64..64 * lines);
                assert_eq!(found, expected, "{lines} lines, {rows} rows");
            }
        }
        let text = line.repeat(100);
        let bell = format!("{text}\x07\x1b[2J{text}");
        let range = passing(bell.as_bytes(), 4).unwrap();
        assert_eq!(range, 64..64 * 97, "those before what is not plain");
        let short = format!("{}\x07\x1b[2J{text}", line.repeat(10));
        let range = passing(short.as_bytes(), 4).unwrap();
        assert_eq!(range, 640 + 5 + 64..640 + 5 + 64 * 97, "those after it");
        let unknown = format!("\x1b]0;a\x07{text}");
        assert_eq!(passing(unknown.as_bytes(), 4), None, "a string's end is not looked for");
    }
}
