//! Lines of a flood, kept as they came: they are made into rows of styled text when somebody reads
//! them, which is seldom.

use alacritty_terminal::{
    term::cell::{Cell, Flags},
    vte::ansi::{Attr, Color, NamedColor},
};

use crate::screen::{
    pen,
    plain::{self, Item},
};

/// Whole lines of plain output.
#[derive(Debug)]
pub(in crate::screen) struct Raw {
    pub(in crate::screen) bytes: Vec<u8>,
    /// How many rows they are, …
    pub(in crate::screen) rows: usize,
    /// … on a screen of so many columns.
    pub(in crate::screen) cols: u16,
    /// What their first character is written with.
    pub(in crate::screen) style: Cell,
}

impl Raw {
    /// The lines after these.
    pub(super) fn append(&mut self, next: &Self) {
        self.bytes.extend_from_slice(&next.bytes);
        self.rows += next.rows;
    }

    /// Makes every row, with whether it goes on in the next one.
    pub(super) fn draw(&self, row: impl FnMut(&[u8], bool)) {
        let mut rows = Rows {
            row,
            cols: usize::from(self.cols),
            style: self.style.clone(),
            text: Vec::new(),
            pen: pen::Pen::default(),
            column: 0,
            blanks: 0,
        };
        let mut rest = &self.bytes[..];
        while let Some((item, length)) = plain::item(rest) {
            rest = &rest[length..];
            rows.add(item);
        }
        debug_assert!(rest.is_empty(), "lines are plain");
    }
}

/// What an attribute does to a style, as in `Term`.
fn set(style: &mut Cell, attribute: Attr) {
    match attribute {
        Attr::Reset => {
            style.fg = Color::Named(NamedColor::Foreground);
            style.bg = Color::Named(NamedColor::Background);
            style.flags = Flags::empty();
            style.set_underline_color(None);
        }
        Attr::Bold => style.flags.insert(Flags::BOLD),
        Attr::Dim => style.flags.insert(Flags::DIM),
        Attr::Italic => style.flags.insert(Flags::ITALIC),
        Attr::Underline => {
            style.flags.remove(Flags::ALL_UNDERLINES);
            style.flags.insert(Flags::UNDERLINE);
        }
        Attr::Reverse => style.flags.insert(Flags::INVERSE),
        Attr::Hidden => style.flags.insert(Flags::HIDDEN),
        Attr::Strike => style.flags.insert(Flags::STRIKEOUT),
        Attr::CancelBoldDim => style.flags.remove(Flags::BOLD | Flags::DIM),
        Attr::CancelItalic => style.flags.remove(Flags::ITALIC),
        Attr::CancelUnderline => style.flags.remove(Flags::ALL_UNDERLINES),
        Attr::CancelReverse => style.flags.remove(Flags::INVERSE),
        Attr::CancelHidden => style.flags.remove(Flags::HIDDEN),
        Attr::CancelStrike => style.flags.remove(Flags::STRIKEOUT),
        Attr::Foreground(color) => style.fg = color,
        // No others are plain, and the background is the default one.
        _ => {}
    }
}

/// A row in the making.
struct Rows<F> {
    row: F,
    cols: usize,
    style: Cell,
    text: Vec<u8>,
    pen: pen::Pen,
    /// Where the cursor is; after the last column if the next character wraps.
    column: usize,
    /// Blank cells that are only written if something follows.
    blanks: usize,
}

impl<F: FnMut(&[u8], bool)> Rows<F> {
    fn add(&mut self, item: Item<'_>) {
        match item {
            Item::Text(text) => self.print(text),
            Item::Wide(character, cells) => {
                self.put(character.encode_utf8(&mut [0; 4]).as_bytes());
                self.column += cells;
            }
            Item::LineFeed => self.end(false),
            Item::Tab => self.tab(),
            Item::Style(parameters) => {
                // They were looked at before.
                let _ = plain::attributes(parameters, |attribute| set(&mut self.style, attribute));
            }
            Item::Return | Item::Erase => {}
        }
    }

    fn print(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.column == self.cols {
                self.write_blanks();
                self.end(true);
            }
            let (now, later) = rest.split_at(rest.len().min(self.cols - self.column));
            self.put(now);
            self.column += now.len();
            rest = later;
        }
    }

    /// Text that has room in this row.
    fn put(&mut self, text: &[u8]) {
        let mut said = text.len();
        if pen::is_default(&self.style) {
            said -= text.iter().rev().take_while(|byte| **byte == b' ').count();
        }
        if said > 0 {
            self.write_blanks();
            self.pen.take(&self.style, &mut self.text);
            self.text.extend_from_slice(&text[..said]);
        }
        self.blanks += text.len() - said;
    }

    fn write_blanks(&mut self) {
        if self.blanks > 0 {
            self.pen.clear(&mut self.text);
            self.text.resize(self.text.len() + self.blanks, b' ');
            self.blanks = 0;
        }
    }

    fn tab(&mut self) {
        let last = self.cols - 1;
        if self.column < last {
            let next = (self.column / 8 * 8 + 8).min(last);
            self.blanks += next - self.column;
            self.column = next;
        }
    }

    fn end(&mut self, wraps: bool) {
        self.pen.clear(&mut self.text);
        (self.row)(&self.text, wraps);
        self.text.clear();
        (self.column, self.blanks) = (0, 0);
    }
}
