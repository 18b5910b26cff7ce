//! Plain output: text, the ends of lines, colors of text. Most of a flood is that, and what of it
//! scrolls away before anybody looks need not be drawn ([`super::pass`]).
//!
//! What such output does depends neither on the row that the cursor is in nor on what stands in the
//! rows around it, as long as rows that scroll in are blank and have the default background.

use alacritty_terminal::vte::ansi::{Attr, Color, NamedColor, Rgb};
use unicode_width::UnicodeWidthChar as _;

/// How many bytes are looked at in one step.
const STEP: usize = 16;
/// The longest SGR that is looked at.
const STYLE_BYTES: usize = 48;
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
    let mut plain = Plain::default();
    let mut line = Row::default();
    while let Some((item, length)) = item(&bytes[plain.end..]) {
        if !line.add(item, length, cols) {
            break;
        }
        plain.end += length;
        match item {
            Item::Text(_) | Item::Wide(..) => plain.printed = true,
            Item::LineFeed => {
                plain.lines_end = plain.end;
                plain.rows += line.rows(cols);
                plain.printed = false;
                line = Row::default();
            }
            Item::Style(_) => (plain.styled, plain.printed) = (true, false),
            Item::Return | Item::Tab | Item::Erase => plain.printed = false,
        }
    }
    plain
}

/// A line as far as it was looked at.
#[derive(Debug, Default)]
struct Row {
    /// At most so many cells.
    cells: usize,
    /// It is known to be exactly as many.
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
        self.cells.div_ceil(cols).max(1)
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

/// How many printable ASCII characters there are at the beginning.
#[inline]
fn text_length(bytes: &[u8]) -> usize {
    let is_text = |byte: &u8| matches!(*byte, 0x20..=0x7E);
    // A word of coloured output is short.
    let first = bytes.iter().take(STEP).take_while(|byte| is_text(byte)).count();
    if first < STEP {
        return first;
    }
    // In steps that compilers turn into vector instructions.
    let whole = |step: &&[u8]| step.iter().fold(true, |all, byte| all & is_text(byte));
    let steps = STEP * bytes.chunks_exact(STEP).take_while(whole).count();
    steps + bytes[steps..].iter().take_while(|byte| is_text(byte)).count()
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
    if let Some(length) = style_length(rest) {
        return Some((Item::Style(&rest[..length]), 2 + length + 1));
    }
    let erase = [&b"K"[..], b"0K"].into_iter().find(|erase| rest.starts_with(erase))?;
    Some((Item::Erase, 2 + erase.len()))
}

/// How long SGR parameters are, if [`attributes`] knows them all. In coloured floods there is one of
/// these a word, so they are looked at once and not split into numbers.
#[inline]
fn style_length(bytes: &[u8]) -> Option<usize> {
    // After 38 comes a kind of color, and then as many components.
    let (mut number, mut components, mut kind) = (0u16, 0, false);
    for (at, byte) in bytes.iter().enumerate().take(STYLE_BYTES + 1) {
        match *byte {
            digit @ b'0'..=b'9' => {
                number = number.saturating_mul(10).saturating_add(u16::from(digit - b'0'));
                continue;
            }
            b';' | b'm' => {}
            _ => return None,
        }
        match number {
            5 if kind => (kind, components) = (false, 1),
            2 if kind => (kind, components) = (false, 3),
            _ if kind => return None,
            0..=255 if components > 0 => components -= 1,
            _ if components > 0 => return None,
            38 => kind = true,
            0..=4 | 7..=9 | 22..=24 | 27..=37 | 39 | 49 | 90..=97 => {}
            _ => return None,
        }
        if *byte == b'm' {
            return (components == 0 && !kind).then_some(at);
        }
        number = 0;
    }
    None
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
            &"x".repeat(STEP * 30 + 1),
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
    fn a_style_is_plain_if_all_it_sets_is_known() {
        let some = [
            "", "0", "1", "5", "25", "2", "31", "38", "39", "40", "48", "49", "97", "100", "255",
            "256",
        ];
        for first in some {
            for second in some {
                for third in some {
                    for more in [";1;1", ";5;1", ""] {
                        let parameters = format!("{first};{second};{third}{more}");
                        let known = attributes(parameters.as_bytes(), |_| {}).is_some();
                        let length = style_length(format!("{parameters}mx").as_bytes());
                        assert_eq!(length, known.then_some(parameters.len()), "{parameters}");
                    }
                }
            }
        }
        for length in [STYLE_BYTES - 1, STYLE_BYTES, STYLE_BYTES + 1] {
            let parameters = "1;".repeat(50)[..length].to_owned();
            let found = style_length(format!("{parameters}m").as_bytes());
            assert_eq!(found, (length <= STYLE_BYTES).then_some(length), "{parameters}");
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
