//! Lines that pass the screen unseen: in a flood most lines scroll away before anybody looks. They
//! go to the line store as they would have come there, and are not drawn.

use alacritty_terminal::{
    grid::Dimensions as _,
    index::{Column, Line, Point},
    term::{TermMode, cell::Cell},
    vte::ansi::{Color, Handler as _, NamedColor, StandardCharset},
};

use super::{Emulator, keep};
use crate::screen::{
    pen,
    plain::{self, Item},
};

impl Emulator {
    /// Lines of plain output pass, if they can, and what comes next fills the screen, which is as if
    /// it were blank and the cursor in its first row. Says whether they did.
    pub(in crate::screen) fn pass(&mut self, lines: &[u8]) -> bool {
        if !self.lets_pass() {
            return false;
        }
        self.keep_rows();
        Passage::begin(self).run(lines);
        true
    }

    /// The cursor is in a blank last row, and text does there what it usually does.
    fn lets_pass(&self) -> bool {
        let (grid, mode) = (self.term.grid(), self.term.mode());
        let cursor = &grid.cursor;
        let rows = i32::from(self.size.rows);
        rows > 1
            && self.region == (0..rows)
            && cursor.point.line == Line(rows - 1)
            && !cursor.input_needs_wrap
            && cursor.template.bg == Color::Named(NamedColor::Background)
            && cursor.charsets[self.charset] == StandardCharset::Ascii
            && mode.contains(TermMode::LINE_WRAP)
            && !mode.intersects(TermMode::INSERT | TermMode::LINE_FEED_NEW_LINE)
            && pen::length(&grid[cursor.point.line][..]) == 0
    }

    /// The rows above the cursor's leave the screen.
    fn keep_rows(&mut self) {
        if !self.is_alternate() {
            let written = self.reach.bound();
            let grid = self.term.grid();
            for line in 0..grid.bottommost_line().0 {
                let cells = &grid[Line(line)][..];
                keep(cells, written, false, &mut self.row, &mut self.lines);
            }
        }
        self.term.grid_mut().reset_region(..);
        self.reach = Default::default();
    }
}

/// A row on its way to the line store.
struct Passage<'a> {
    emulator: &'a mut Emulator,
    text: Vec<u8>,
    pen: pen::Pen,
    /// Where the cursor is; after the last column if the next character wraps.
    column: usize,
    /// Blank cells that are only written if something follows.
    blanks: usize,
    last: Option<char>,
}

impl<'a> Passage<'a> {
    fn begin(emulator: &'a mut Emulator) -> Self {
        let column = emulator.column();
        let mut text = std::mem::take(&mut emulator.row);
        text.clear();
        let (pen, last) = (pen::Pen::default(), emulator.last);
        Self { emulator, text, pen, column, blanks: column, last }
    }

    fn run(mut self, lines: &[u8]) {
        let mut rest = lines;
        while let Some((item, length)) = plain::item(rest) {
            rest = &rest[length..];
            match item {
                Item::Text(text) => self.print(text),
                Item::Wide(character, cells) => self.character(character, cells),
                Item::Return => self.column = 0,
                Item::LineFeed => self.line_feed(),
                Item::Tab => self.tab(),
                Item::Style(parameters) => self.style(parameters),
                Item::Erase => {}
            }
        }
        debug_assert!(rest.is_empty(), "what passes is plain");
        self.end();
    }

    fn end(self) {
        self.emulator.row = self.text;
        self.emulator.last = self.last;
        let cursor = self.emulator.cursor();
        cursor.point = Point::new(Line(0), Column(self.column));
    }

    fn cols(&self) -> usize {
        usize::from(self.emulator.size.cols)
    }

    fn template(&self) -> &Cell {
        &self.emulator.term.grid().cursor.template
    }

    fn style(&mut self, parameters: &[u8]) {
        let term = &mut self.emulator.term;
        // They were looked at before.
        let _ = plain::attributes(parameters, |attribute| term.terminal_attribute(attribute));
    }

    fn print(&mut self, text: &[u8]) {
        self.last = text.last().map(|byte| char::from(*byte));
        let mut rest = text;
        while !rest.is_empty() {
            if self.column == self.cols() {
                self.wrap();
            }
            let (now, later) = rest.split_at(rest.len().min(self.cols() - self.column));
            self.put(now);
            self.column += now.len();
            rest = later;
        }
    }

    fn character(&mut self, character: char, cells: usize) {
        self.last = Some(character);
        if self.column == self.cols() {
            self.wrap();
        } else if self.column + cells > self.cols() {
            // It does not fit, and leaves the last cell empty.
            self.put(b" ");
            self.wrap();
        }
        self.put(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.column += cells;
    }

    /// Text that has room in this row.
    fn put(&mut self, text: &[u8]) {
        let mut said = text.len();
        if pen::is_default(self.template()) {
            said -= text.iter().rev().take_while(|byte| **byte == b' ').count();
        }
        if said > 0 {
            self.write_blanks();
            let template = &self.emulator.term.grid().cursor.template;
            self.pen.take(template, &mut self.text);
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
        let last = self.cols() - 1;
        if self.column < last {
            let tabs = &self.emulator.tabs;
            let next = (self.column + 1..last).find(|column| tabs[*column]).unwrap_or(last);
            self.blanks += next - self.column;
            self.column = next;
        }
    }

    fn wrap(&mut self) {
        self.write_blanks();
        self.keep(true);
        (self.column, self.blanks) = (0, 0);
    }

    fn line_feed(&mut self) {
        self.keep(false);
        self.column = self.column.min(self.cols() - 1);
        self.blanks = self.column;
    }

    fn keep(&mut self, wraps: bool) {
        self.pen.clear(&mut self.text);
        if !self.emulator.is_alternate() {
            let cols = self.emulator.size.cols;
            self.emulator.lines.push(&self.text, wraps.then_some(cols));
        }
        self.text.clear();
    }
}
