//! The serializer: from a state to the sequences that give a fresh terminal the same state.
//!
//! A fresh terminal is one after `ESC c`. First comes what is drawn, in default modes, then what
//! decides how that is gone on with. Rows follow each other by line feeds and by wrapping, as they
//! came, so that those above the screen go where the terminal keeps its history.

use alacritty_terminal::{
    Grid,
    grid::Cursor,
    index::{Column, Line},
    term::{
        TermMode,
        cell::{Cell, Flags},
        color::COUNT,
    },
    vte::ansi::{CharsetIndex, CursorShape, ModifyOtherKeys, NamedColor, Rgb, StandardCharset},
};

use termfleet_session::limits::Size;

use super::{
    emulator::{Emulator, FLAGS, Keyboard},
    pen::{self, Pen},
};

/// A full reset: every snapshot begins with it.
pub(super) const RESET: &[u8] = b"\x1bc";
/// The most history in a snapshot: with an ordinary screen it stays within 64 KiB.
const HISTORY_BYTES: usize = 48 << 10;
const SYNC: (&[u8], &[u8]) = (b"\x1b[?2026h", b"\x1b[?2026l");
const CHARSETS: [(CharsetIndex, u8); 4] = [
    (CharsetIndex::G0, b'('),
    (CharsetIndex::G1, b')'),
    (CharsetIndex::G2, b'*'),
    (CharsetIndex::G3, b'+'),
];

/// The whole state, with at most `lines` lines of history. `printed`: the last thing that came was
/// a character, which may be repeated yet.
pub(super) fn dump(emulator: &Emulator, lines: usize, printed: bool) -> Vec<u8> {
    let mut dump = Dump { emulator, out: RESET.to_vec(), pen: Pen::default() };
    dump.out.extend_from_slice(SYNC.0);
    dump.colors();
    dump.tabs();
    dump.screens(lines);
    dump.titles();
    dump.modes();
    let grid = emulator.term.grid();
    dump.region();
    let origin = emulator.term.mode().contains(TermMode::ORIGIN);
    dump.cursor(grid, &grid.cursor, if origin { emulator.region.start } else { 0 });
    dump.last_modes();
    dump.out.extend_from_slice(SYNC.1);
    if printed {
        dump.last_character();
    }
    dump.out
}

struct Dump<'a> {
    emulator: &'a Emulator,
    out: Vec<u8>,
    pen: Pen,
}

impl Dump<'_> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn colors(&mut self) {
        if !self.emulator.palette {
            return;
        }
        for index in 0..COUNT {
            let Some(Rgb { r, g, b }) = self.emulator.term.colors()[index] else { continue };
            let what = match index {
                0..256 => format!("4;{index}"),
                index => format!("{}", 10 + index - NamedColor::Foreground as usize),
            };
            self.text(&format!("\x1b]{what};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\"));
        }
    }

    fn tabs(&mut self) {
        let tabs = &self.emulator.tabs;
        if tabs.iter().enumerate().all(|(column, tab)| *tab == column.is_multiple_of(8)) {
            return;
        }
        self.text("\x1b[3g");
        for (column, _) in tabs.iter().enumerate().filter(|(_, tab)| **tab) {
            self.text(&format!("\x1b[{}G\x1bH", column + 1));
        }
        self.text("\r");
    }

    /// Both screens, the one that is shown last.
    fn screens(&mut self, lines: usize) {
        let emulator = self.emulator;
        let shown = emulator.term.grid();
        let Some(main) = &emulator.main else {
            self.saved_cursor(shown);
            let wraps = self.history(lines);
            self.rows(shown, wraps);
            return self.keyboard(&emulator.keyboard);
        };
        if !main.restores {
            self.saved_cursor(&main.grid);
        }
        let wraps = self.history(lines);
        self.rows(&main.grid, wraps);
        self.keyboard(&main.keyboard);
        self.cursor(&main.grid, &main.grid.cursor, 0);
        self.text(if main.restores { "\x1b[?1049h" } else { "\x1b[?47h" });
        self.clear();
        self.saved_cursor(shown);
        self.rows(shown, false);
        self.keyboard(&emulator.keyboard);
    }

    /// Nothing is drawn yet.
    fn clear(&mut self) {
        self.text("\x1b(B\x1b)B\x1b*B\x1b+B");
        self.pen.clear(&mut self.out);
        self.text("\x1b[2J\x1b[H");
    }

    /// It is put in its place while nothing is drawn, since that may take printing.
    fn saved_cursor(&mut self, grid: &Grid<Cell>) {
        let cursor = &grid.saved_cursor;
        if *cursor == Cursor::default() {
            return;
        }
        self.text(&format!("\x1b[{};{}H", cursor.point.line.0 + 1, cursor.point.column.0 + 1));
        if cursor.input_needs_wrap {
            self.text(" ");
        }
        self.pen.take(&cursor.template, &mut self.out);
        self.charsets(cursor);
        self.text("\x1b7");
        self.clear();
    }

    /// Says whether the newest of the lines goes on in the first row.
    fn history(&mut self, count: usize) -> bool {
        let lines = self.emulator.lines.before(u64::MAX, count).1;
        let mut room = HISTORY_BYTES;
        let newest = lines.iter().rev().take_while(|line| {
            let left = room.checked_sub(line.text.len());
            room = left.unwrap_or_default();
            left.is_some()
        });
        let kept = newest.count();
        let mut wraps = None;
        for line in &lines[lines.len() - kept..] {
            self.go_on(wraps);
            self.out.extend_from_slice(&line.text);
            wraps = line.wrapped;
            if wraps.is_none() {
                self.text("\r\n");
            }
        }
        let width = self.emulator.size.cols;
        if wraps.is_some_and(|columns| columns != width) {
            self.text("\r\n");
        }
        wraps == Some(width)
    }

    /// The line before goes on in this one. If it fills its row, so that the next character wraps,
    /// that is a blank one, which the line is written over: the row that scrolls in must not take
    /// the background of what is written, and there may be nothing to write.
    fn go_on(&mut self, wrapped: Option<u16>) {
        if wrapped == Some(self.emulator.size.cols) {
            self.pen.clear(&mut self.out);
            self.text(" \r");
        }
    }

    fn rows(&mut self, grid: &Grid<Cell>, mut wraps: bool) {
        let Size { cols, rows } = self.emulator.size;
        for line in 0..rows {
            let cells = &grid[Line(i32::from(line))][..];
            self.go_on(wraps.then_some(cols));
            wraps = wraps_after(cells) && line + 1 < rows;
            let length = if wraps { cells.len() } else { pen::length(cells) };
            pen::write(&cells[..length], &mut self.pen, &mut self.out);
            self.pen.clear_background(&mut self.out);
            if !wraps && line + 1 < rows {
                self.text("\r\n");
            }
        }
        self.pen.clear(&mut self.out);
    }

    /// Puts the cursor where it is, with its style and its character sets. Lines count from `top`.
    fn cursor(&mut self, grid: &Grid<Cell>, cursor: &Cursor<Cell>, top: i32) {
        let line = cursor.point.line.0 - top + 1;
        let mut column = cursor.point.column.0;
        let row = &grid[cursor.point.line];
        if cursor.input_needs_wrap {
            // Only printing in the last column leaves a cursor that wraps.
            let spacer = row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER);
            column -= usize::from(spacer);
        }
        self.text(&format!("\x1b[{line};{}H", column + 1));
        if cursor.input_needs_wrap {
            self.text("\x1b(B\x0f");
            pen::write(&row[Column(column)..], &mut self.pen, &mut self.out);
        }
        self.pen.take(&cursor.template, &mut self.out);
        self.charsets(cursor);
    }

    fn charsets(&mut self, cursor: &Cursor<Cell>) {
        for (index, name) in CHARSETS {
            let charset = match cursor.charsets[index] {
                StandardCharset::Ascii => b'B',
                StandardCharset::SpecialCharacterAndLineDrawing => b'0',
            };
            // A fresh terminal's are ASCII, and this one's may have been changed on the way.
            self.out.extend_from_slice(&[0x1B, name, charset]);
        }
    }

    fn region(&mut self) {
        let (region, rows) = (&self.emulator.region, i32::from(self.emulator.size.rows));
        if *region != (0..rows) {
            self.text(&format!("\x1b[{};{}r", region.start + 1, region.end));
        }
        if self.emulator.term.mode().contains(TermMode::ORIGIN) {
            self.text("\x1b[?6h");
        }
    }

    fn titles(&mut self) {
        let emulator = self.emulator;
        for title in &emulator.titles {
            self.text(&format!("\x1b]2;{title}\x1b\\\x1b[22t"));
        }
        if !emulator.title.is_empty() || !emulator.titles.is_empty() {
            self.text(&format!("\x1b]2;{}\x1b\\", emulator.title));
        }
    }

    fn keyboard(&mut self, keyboard: &Keyboard) {
        let mut flags = keyboard.aside.iter().chain([&keyboard.flags]);
        if let Some(first) = flags.next().filter(|first| **first != 0) {
            self.text(&format!("\x1b[={first}u"));
        }
        for flags in flags {
            self.text(&format!("\x1b[>{flags}u"));
        }
    }

    /// The modes that do not concern how the cursor is put in its place.
    fn modes(&mut self) {
        let emulator = self.emulator;
        let mode = emulator.term.mode();
        let fresh = TermMode::default();
        for (number, flag) in FLAGS {
            let deferred = flag == TermMode::ORIGIN || flag == TermMode::LINE_WRAP;
            if !deferred && mode.contains(flag) != fresh.contains(flag) {
                let set = if mode.contains(flag) { 'h' } else { 'l' };
                self.text(&format!("\x1b[?{number}{set}"));
            }
        }
        for number in [emulator.mouse, emulator.mouse_encoding].into_iter().flatten() {
            self.text(&format!("\x1b[?{number}h"));
        }
        if mode.contains(TermMode::APP_KEYPAD) {
            self.text("\x1b=");
        }
        if let Some(style) = emulator.cursor_style {
            let shape = match style.shape {
                CursorShape::Underline => 4,
                CursorShape::Beam => 6,
                CursorShape::Block | CursorShape::HollowBlock | CursorShape::Hidden => 2,
            };
            self.text(&format!("\x1b[{} q", shape - u8::from(style.blinking)));
        }
        match emulator.other_keys {
            ModifyOtherKeys::Reset => {}
            ModifyOtherKeys::EnableExceptWellDefined => self.text("\x1b[>4;1m"),
            ModifyOtherKeys::EnableAll => self.text("\x1b[>4;2m"),
        }
    }

    /// The modes that would change how the rest is drawn.
    fn last_modes(&mut self) {
        let emulator = self.emulator;
        let mode = emulator.term.mode();
        match emulator.charset {
            CharsetIndex::G0 => self.text("\x0f"),
            // Only G0 and G1 can be made active by what vte reads.
            CharsetIndex::G1 | CharsetIndex::G2 | CharsetIndex::G3 => self.text("\x0e"),
        }
        if !mode.contains(TermMode::LINE_WRAP) {
            self.text("\x1b[?7l");
        }
        if mode.contains(TermMode::INSERT) {
            self.text("\x1b[4h");
        }
        if mode.contains(TermMode::LINE_FEED_NEW_LINE) {
            self.text("\x1b[20h");
        }
    }

    /// Prints the last character once more where it stands: after that it can be repeated.
    fn last_character(&mut self) {
        let emulator = self.emulator;
        let (Some(last), Some((line, column))) = (emulator.repeatable(), emulator.printed_at())
        else {
            return;
        };
        let origin = emulator.term.mode().contains(TermMode::ORIGIN);
        let top = if origin { emulator.region.start } else { 0 };
        self.text(&format!("\x1b[{};{}H{last}", line.0 - top + 1, column.0 + 1));
    }
}

fn wraps_after(cells: &[Cell]) -> bool {
    cells.last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE))
}
