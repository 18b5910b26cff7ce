//! Plain output: text, the ends of lines, colors of text. Most of a flood is that, and what of it
//! scrolls away before anybody looks need not be drawn ([`super::pass`]).
//!
//! What such output does depends neither on the row that the cursor is in nor on what stands in the
//! rows around it, as long as rows that scroll in are blank and have the default background.

mod style;

use alacritty_terminal::vte::ansi::Attr;
use unicode_width::UnicodeWidthChar as _;

use self::style::Styles;
pub(super) use self::style::attributes;

/// How far a tab goes at most.
const TAB_CELLS: usize = 8;

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

/// Plain output that begins in the first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Plain {
    /// Where it ends: whole lines, and maybe the beginning of one.
    pub(super) end: usize,
    /// Where its whole lines end.
    pub(super) lines_end: usize,
    /// How many rows those lines fill.
    pub(super) rows: usize,
    /// Its last item is a character.
    pub(super) printed: bool,
    /// There are styles in it.
    pub(super) styled: bool,
}

/// How much of the output is plain, on a screen of so many columns with the usual tab stops. Every
/// whole line ends with a carriage return and a line feed, or is empty.
pub(super) fn plain(bytes: &[u8], cols: usize) -> Plain {
    let (mut plain, mut line, mut styles) = (Plain::default(), Row::default(), Styles::default());
    loop {
        let rest = &bytes[plain.end..];
        let next = match styles.length(rest) {
            Some(length) => Some((Item::Style(&rest[2..length - 1]), length)),
            None => item(rest),
        };
        let Some((item, length)) = next.filter(|(item, length)| line.add(*item, *length, cols))
        else {
            return plain;
        };
        plain.end += length;
        plain.printed = matches!(item, Item::Text(_) | Item::Wide(..));
        plain.styled |= matches!(item, Item::Style(_));
        if item == Item::LineFeed {
            plain.lines_end = plain.end;
            plain.rows += line.rows(cols);
            line = Row::default();
        }
    }
}

/// A line as far as it was looked at.
#[derive(Debug, Default)]
struct Row {
    /// At most so many cells.
    cells: usize,
    /// It may be fewer: whether it wraps, and where, is not known.
    inexact: bool,
    returned: bool,
}

impl Row {
    /// False: what that does in this line is not plain.
    fn add(&mut self, item: Item<'_>, length: usize, cols: usize) -> bool {
        match item {
            Item::Text(_) => self.cells += length,
            Item::Wide(_, cells) => (self.cells, self.inexact) = (self.cells + cells, true),
            Item::Tab => (self.cells, self.inexact) = (self.cells + TAB_CELLS, true),
            Item::Return => self.returned = true,
            Item::LineFeed => return self.returned || self.cells == 0,
            Item::Style(_) | Item::Erase => {}
        }
        !self.inexact || self.cells <= cols
    }

    fn rows(&self, cols: usize) -> usize {
        // Most lines are short, and to divide takes longer than all else here.
        if self.cells <= cols { 1 } else { self.cells.div_ceil(cols) }
    }
}

/// The item that begins there, and its length; none if what begins there is not plain, or not whole.
#[inline]
pub(super) fn item(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let one = |item| Some((item, 1));
    match *bytes.first()? {
        b'\n' => one(Item::LineFeed),
        b'\r' => ends_line(bytes).then_some((Item::Return, 1)),
        b'\t' => one(Item::Tab),
        0x1B => sequence(bytes),
        0x20..=0x7E => {
            let length = text_length(bytes);
            Some((Item::Text(&bytes[..length]), length))
        }
        0xC2..=0xF4 => character(bytes),
        _ => None,
    }
}

/// What all the styles in plain output set, one after the other.
pub(super) fn styles(plain: &[u8], mut set: impl FnMut(Attr)) {
    let mut rest = &plain[last_reset(plain)..];
    while let Some(escape) = rest.iter().position(|byte| *byte == 0x1B) {
        rest = &rest[escape..];
        let Some((item, length)) = item(rest) else { return };
        if let Item::Style(parameters) = item {
            // They were looked at before.
            let _ = attributes(parameters, &mut set);
        }
        rest = &rest[length..];
    }
}

/// Where the last style that takes all others back begins.
fn last_reset(plain: &[u8]) -> usize {
    let mut end = plain.len();
    while let Some(escape) = plain[..end].iter().rposition(|byte| *byte == 0x1B) {
        if [&b"\x1b[m"[..], b"\x1b[0m", b"\x1b[0;"]
            .iter()
            .any(|reset| plain[escape..].starts_with(reset))
        {
            return escape;
        }
        end = escape;
    }
    0
}

/// How many printable ASCII characters there are at the beginning, looked for a word at a time.
#[inline]
fn text_length(bytes: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 255;
    let words = bytes.chunks_exact(8);
    let mut length = 0;
    for word in words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        // The high bit of each byte that is no such character; of those after the first it may be wrong.
        let below = word.wrapping_sub(EACH * 0x20) & !word;
        let others = (word | word.wrapping_add(EACH) | below) & (EACH * 0x80);
        if others != 0 {
            return length + others.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = bytes[length..].iter();
    length + rest.take_while(|byte| matches!(**byte, 0x20..=0x7E)).count()
}

#[inline]
fn ends_line(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| **byte != b'\r') == Some(&b'\n')
}

fn character(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let longest = &bytes[..bytes.len().min(4)];
    let first = longest.utf8_chunks().next()?.valid().chars().next()?;
    let cells = first.width().filter(|cells| *cells > 0)?;
    Some((Item::Wide(first, cells), first.len_utf8()))
}

#[inline]
fn sequence(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let rest = bytes.strip_prefix(b"\x1b[")?;
    if let Some(length) = style::length(rest) {
        return Some((Item::Style(&rest[..length]), 2 + length + 1));
    }
    let erase = [&b"K"[..], b"0K"].into_iter().find(|erase| rest.starts_with(erase))?;
    Some((Item::Erase, 2 + erase.len()))
}

#[cfg(test)]
mod tests {
    //! What is plain, and how many rows it fills.
    use super::*;

    const COLS: usize = 80;

    fn is_plain(text: &str) -> bool {
        plain(text.as_bytes(), COLS).end == text.len()
    }

    #[test]
    fn text_lines_and_colors_of_text_are_plain() {
        for text in [
            "",
            "a b~\r\n\r\r\n\n",
            "\t",
            "é✅界",
            "\x1b[m\x1b[0m\x1b[1;4;31;97m",
            "\x1b[38;5;44m\x1b[38;2;40;41;48;1m",
            "\x1b[K\x1b[0K",
            &"x".repeat(481),
        ] {
            assert!(is_plain(text), "{text:?}");
        }
        for other in [
            "\r",
            "a\rb\n",
            "a\n",
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
            "\x1b[38;5m",
            "\x1b[38:5:1m",
            "\x1b[38;2;256;44;1m",
            "\x1b[58;5;1m",
            &format!("\x1b[{}m", "1;".repeat(25)),
            "\x1b[1K",
            "\x1b[H",
            "\x1b[?25l",
            "\x1bD",
            "\x1b]0;a\x07",
        ] {
            assert!(!is_plain(other), "{other:?}");
        }
        assert_eq!(plain(b"a\xC3\xA9\xC3", COLS).end, 3);
        assert_eq!(plain(b"a\xC3a", COLS).end, 1);
        assert_eq!(plain(b"a\xFF", COLS).end, 1);
    }

    #[test]
    fn text_ends_with_the_first_byte_that_is_none() {
        for other in (0x00..0x20).chain(0x7F..=0xFF) {
            for before in 0..20 {
                for next in [0x00, 0x20, 0x7E, 0x7F, 0x80, 0xFF] {
                    let text =
                        [vec![b' '; before], vec![other, next, b'~'], vec![next; 9]].concat();
                    assert_eq!(text_length(&text), before, "{text:?}");
                }
            }
        }
        for length in 0..20 {
            assert_eq!(text_length(&vec![b'~'; length]), length);
        }
    }

    #[test]
    fn a_line_fills_as_many_rows_as_its_characters_need() {
        for (line, rows) in [
            (String::new(), 1),
            ("x".repeat(COLS - 1), 1),
            ("x".repeat(COLS), 1),
            ("x".repeat(COLS + 1), 2),
            (format!("\x1b[31m{}\x1b[m", "x".repeat(2 * COLS)), 2),
            (format!("{}\x1b[K", "é".repeat(COLS)), 1),
            ("\t".repeat(COLS / TAB_CELLS), 1),
        ] {
            let text = format!("{line}\r\n\n{line}");
            let found = plain(text.as_bytes(), COLS);
            assert_eq!((found.end, found.rows), (text.len(), rows + 1), "{line:?}");
            assert_eq!(found.lines_end, line.len() + 3);
        }
        for unknown in [format!("\t{}", "x".repeat(COLS - 7)), format!("é{}", "x".repeat(COLS))] {
            let text = format!("a\r\n{unknown}");
            assert_ne!(plain(text.as_bytes(), COLS).end, text.len(), "{unknown:?}");
        }
    }

    #[test]
    fn styles_since_the_last_reset_are_found() {
        let set = |text: &str| {
            let mut set = Vec::new();
            styles(text.as_bytes(), |attribute| set.push(attribute));
            set
        };
        assert_eq!(set("a\x1b[1mb\x1b[3mc"), [Attr::Bold, Attr::Italic]);
        assert_eq!(set("a\x1b[1mb\x1b[mc"), [Attr::Reset]);
        assert_eq!(set("a\x1b[3mb\x1b[0;1mc"), [Attr::Reset, Attr::Bold]);
        assert_eq!(set("a"), []);
    }
}
