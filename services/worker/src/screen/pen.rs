//! Cells as styled text: the sequences that bring a pen from one style to the next.

use alacritty_terminal::{
    term::cell::{Cell, Flags, Hyperlink},
    vte::ansi::{Color, NamedColor, Rgb},
};

const FOREGROUND: Color = Color::Named(NamedColor::Foreground);
const BACKGROUND: Color = Color::Named(NamedColor::Background);
/// The flags that are style; the others say how characters lie in their cells.
const STYLE: Flags = Flags::INVERSE
    .union(Flags::BOLD_ITALIC)
    .union(Flags::ALL_UNDERLINES)
    .union(Flags::DIM)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT);
/// Cells that show nothing of their own.
const SPACERS: Flags = Flags::WIDE_CHAR_SPACER;

/// What characters are written with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pen {
    foreground: Color,
    background: Color,
    flags: Flags,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            foreground: FOREGROUND,
            background: BACKGROUND,
            flags: Flags::empty(),
            underline: None,
            link: None,
        }
    }
}

impl Pen {
    fn of(cell: &Cell) -> Self {
        Self {
            foreground: cell.fg,
            background: cell.bg,
            flags: cell.flags & STYLE,
            underline: cell.underline_color(),
            link: cell.hyperlink(),
        }
    }

    fn writes(&self, cell: &Cell) -> bool {
        let plain = self.foreground == cell.fg
            && self.background == cell.bg
            && self.flags == cell.flags & STYLE;
        let extra = match &cell.extra {
            None => self.underline.is_none() && self.link.is_none(),
            Some(_) => self.underline == cell.underline_color() && self.link == cell.hyperlink(),
        };
        plain && extra
    }

    /// Brings the pen to the style of a cell.
    pub(super) fn take(&mut self, cell: &Cell, out: &mut Vec<u8>) {
        if !self.writes(cell) {
            self.change(Self::of(cell), out);
        }
    }

    /// Brings the pen back to the default style.
    pub(super) fn clear(&mut self, out: &mut Vec<u8>) {
        if *self != Self::default() {
            self.change(Self::default(), out);
        }
    }

    /// What it writes has no background of its own: a line that scrolls in stays clear.
    pub(super) fn clear_background(&mut self, out: &mut Vec<u8>) {
        if self.background != BACKGROUND {
            self.clear(out);
        }
    }

    fn change(&mut self, to: Self, out: &mut Vec<u8>) {
        if self.link != to.link {
            link(to.link.as_ref(), out);
        }
        self.link.clone_from(&to.link);
        if *self == to {
            return;
        }
        out.extend_from_slice(b"\x1b[");
        if self.flags != to.flags || self.underline != to.underline {
            // From the start, by what `CSI 0 m` resets.
            out.push(b'0');
            flags(to.flags, out);
            if to.foreground != FOREGROUND {
                color(30, to.foreground, out);
            }
            if to.background != BACKGROUND {
                color(40, to.background, out);
            }
            if let Some(underline) = to.underline {
                color(50, underline, out);
            }
        } else {
            let from = out.len();
            if self.foreground != to.foreground {
                color(30, to.foreground, out);
            }
            if self.background != to.background {
                color(40, to.background, out);
            }
            // The first one has no separator.
            out.remove(from);
        }
        out.push(b'm');
        *self = to;
    }
}

/// Appends the cells' characters, and brings the pen along.
pub(super) fn write(cells: &[Cell], pen: &mut Pen, out: &mut Vec<u8>) {
    let mut plain = *pen == Pen::default();
    for cell in cells {
        // Most cells of most rows: every row that scrolls away comes by here.
        if plain && cell.c.is_ascii() && is_plain(cell) {
            out.push(cell.c as u8);
            continue;
        }
        if cell.flags.intersects(SPACERS) {
            continue;
        }
        pen.take(cell, out);
        plain = is_plain(cell);
        character(cell.c, out);
        for mark in cell.zerowidth().unwrap_or_default() {
            character(*mark, out);
        }
    }
}

/// How many of the cells say something.
pub(super) fn length(cells: &[Cell]) -> usize {
    cells.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1)
}

/// What is written with it has the default style.
pub(super) fn is_default(template: &Cell) -> bool {
    is_plain(template)
}

fn is_blank(cell: &Cell) -> bool {
    cell.c == ' ' && is_plain(cell)
}

/// It has the default style and lies in one cell, or in the first of two.
fn is_plain(cell: &Cell) -> bool {
    // Patterns: comparing colors as such is many times slower.
    matches!(cell.fg, Color::Named(NamedColor::Foreground))
        && matches!(cell.bg, Color::Named(NamedColor::Background))
        && !cell.flags.intersects(STYLE.union(SPACERS))
        && (cell.extra.is_none() || has_no_extra(cell))
}

/// A wide character that was cleared leaves its room for marks.
fn has_no_extra(cell: &Cell) -> bool {
    cell.zerowidth().unwrap_or_default().is_empty()
        && cell.underline_color().is_none()
        && cell.hyperlink().is_none()
}

fn character(character: char, out: &mut Vec<u8>) {
    if character.is_ascii() {
        // It is one byte.
        out.push(character as u8);
    } else {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn link(link: Option<&Hyperlink>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b]8;");
    if let Some(link) = link {
        out.extend_from_slice(b"id=");
        out.extend_from_slice(link.id().as_bytes());
        out.push(b';');
        out.extend_from_slice(link.uri().as_bytes());
    } else {
        out.push(b';');
    }
    out.extend_from_slice(b"\x1b\\");
}

fn flags(flags: Flags, out: &mut Vec<u8>) {
    const NAMES: [(Flags, &[u8]); 11] = [
        (Flags::BOLD, b";1"),
        (Flags::DIM, b";2"),
        (Flags::ITALIC, b";3"),
        (Flags::UNDERLINE, b";4"),
        (Flags::DOUBLE_UNDERLINE, b";4:2"),
        (Flags::UNDERCURL, b";4:3"),
        (Flags::DOTTED_UNDERLINE, b";4:4"),
        (Flags::DASHED_UNDERLINE, b";4:5"),
        (Flags::INVERSE, b";7"),
        (Flags::HIDDEN, b";8"),
        (Flags::STRIKEOUT, b";9"),
    ];
    for (_, name) in NAMES.iter().filter(|(flag, _)| flags.contains(*flag)) {
        out.extend_from_slice(name);
    }
}

/// `base` is 30 for the foreground, 40 for the background, 50 for the underline.
fn color(base: u8, color: Color, out: &mut Vec<u8>) {
    match color {
        Color::Named(name) if (name as usize) < 16 && base != 50 => {
            // It is below 16.
            let number = name as u8;
            number_to(if number < 8 { base + number } else { base + 60 - 8 + number }, out);
        }
        Color::Named(name) if (name as usize) < 16 => indexed(base, name as u8, out),
        Color::Named(_) => number_to(base + 9, out),
        Color::Indexed(index) => indexed(base, index, out),
        Color::Spec(Rgb { r, g, b }) => {
            [base + 8, 2, r, g, b].iter().for_each(|number| number_to(*number, out));
        }
    }
}

fn indexed(base: u8, index: u8, out: &mut Vec<u8>) {
    [base + 8, 5, index].iter().for_each(|number| number_to(*number, out));
}

/// One more parameter. Formatting would cost more than all else that a color does.
fn number_to(number: u8, out: &mut Vec<u8>) {
    out.push(b';');
    if number >= 100 {
        out.push(b'0' + number / 100);
    }
    if number >= 10 {
        out.push(b'0' + number / 10 % 10);
    }
    out.push(b'0' + number % 10);
}
