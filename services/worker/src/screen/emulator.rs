//! The terminal emulator: alacritty's [`Term`], what it hides, and where it behaves in another way
//! than the terminals of browsers.
//!
//! `Term` shows one screen and keeps no history. The other screen lies here while the alternate one
//! is shown (inside `Term` it could not be read), rows that leave the top of the main screen go to
//! the line store, and what `Term` does not tell (scroll region, tab stops, active character set,
//! title, keyboard modes) is kept beside it. Where alacritty and xterm.js differ and neither is
//! wrong, xterm.js is followed: the browser shows the same bytes (`docs/emulators.md`).

mod edit;
mod handler;
mod modes;
mod pass;
mod reach;
mod taller;

use std::ops::Range;

use alacritty_terminal::{
    Grid, Term,
    event::VoidListener,
    grid::{Cursor, Dimensions},
    index::{Column, Line},
    term::{
        Config, TermMode,
        cell::{Cell, Flags},
    },
    vte::ansi::{CharsetIndex, Color, CursorStyle, Handler as _, ModifyOtherKeys, NamedColor},
};
use termfleet_session::limits::Size;

pub(super) use self::modes::{FLAGS, Keyboard};
use self::reach::Reach;
use super::{happening::Happenings, lines::Lines, pen, reply::Replies};

/// How many titles a program may put aside.
const TITLES: usize = 16;
/// How many marks are combined with one character: a cell's memory is bounded.
const MARKS: usize = 8;

/// The state of one terminal, always between two sequences.
pub(super) struct Emulator {
    pub(super) term: Term<VoidListener>,
    pub(super) size: Size,
    /// The main screen, while the alternate one is shown.
    pub(super) main: Option<Main>,
    /// The scroll region's lines.
    pub(super) region: Range<i32>,
    pub(super) tabs: Vec<bool>,
    pub(super) charset: CharsetIndex,
    pub(super) cursor_style: Option<CursorStyle>,
    pub(super) title: String,
    pub(super) titles: Vec<String>,
    pub(super) keyboard: Keyboard,
    pub(super) other_keys: ModifyOtherKeys,
    /// The mouse protocol, by its mode's number.
    pub(super) mouse: Option<u16>,
    /// The mouse encoding, by its mode's number.
    pub(super) mouse_encoding: Option<u16>,
    /// Some color of the palette was changed.
    pub(super) palette: bool,
    /// The character printed last, as it came.
    pub(super) last: Option<char>,
    pub(super) lines: Lines,
    pub(super) replies: Replies,
    pub(super) happenings: Happenings,
    /// A row on its way to the line store.
    row: Vec<u8>,
    reach: Reach,
}

/// What the main screen is while it is not shown.
pub(super) struct Main {
    pub(super) grid: Grid<Cell>,
    pub(super) keyboard: Keyboard,
    /// Its cursor comes back when it does (1049; the older modes leave it where it is).
    pub(super) restores: bool,
}

/// A size as `Term` wants it.
struct Cells(Size);

impl Dimensions for Cells {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.0.rows)
    }

    fn columns(&self) -> usize {
        usize::from(self.0.cols)
    }
}

impl Emulator {
    pub(super) fn new(size: Size, history_bytes: usize) -> Self {
        let config = Config { scrolling_history: 0, ..Config::default() };
        let mut term = Term::new(config, &Cells(size), VoidListener);
        set_hidden(&mut term, Grid::new(1, 2, 0));
        Self {
            term,
            size,
            main: None,
            region: 0..i32::from(size.rows),
            tabs: tabs(usize::from(size.cols)),
            charset: CharsetIndex::default(),
            cursor_style: None,
            title: String::new(),
            titles: Vec::new(),
            keyboard: Keyboard::default(),
            other_keys: ModifyOtherKeys::Reset,
            mouse: None,
            mouse_encoding: None,
            palette: false,
            last: None,
            lines: Lines::new(history_bytes),
            replies: Replies::default(),
            happenings: Happenings::default(),
            row: Vec::new(),
            reach: Reach::default(),
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        let (lines, cols) = (usize::from(size.rows), usize::from(size.cols));
        let before = usize::from(self.size.rows);
        // `Term` resizes two blank screens, which have no lines to add: to add one would make a
        // thousand.
        set_hidden(&mut self.term, Grid::new(lines + 1, 2, 0));
        let blank = Grid::new(lines + 1, usize::from(self.size.cols), 0);
        let mut shown = std::mem::replace(self.term.grid_mut(), blank);
        self.term.resize(Cells(size));
        self.size = size;
        set_hidden(&mut self.term, Grid::new(1, 2, 0));
        let mut main = self.main.take();
        let history = main.as_mut().map_or(&mut shown, |main| &mut main.grid);
        let at_bottom = history.cursor.point.line.0 as usize + 1 == before;
        let saved = history.saved_cursor.point.line;
        // With one row alone what comes back would move the cursor.
        let grows = at_bottom && lines > 1 && (lines > before || cols > history.columns());
        if grows {
            taller::bring_back(history, &mut self.lines, size);
        }
        reflow(history, lines, cols);
        if grows {
            // It stays where it is, whatever comes down.
            history.saved_cursor.point.line = saved.min(history.bottommost_line());
        }
        self.keep_history(history);
        settle(history, cols);
        if let Some(main) = &mut main {
            shown.resize(false, lines, cols);
            settle(&mut shown, cols);
            if main.restores {
                main.grid.saved_cursor = main.grid.cursor.clone();
            }
        }
        self.main = main;
        *self.term.grid_mut() = shown;
        let known = self.tabs.len();
        self.tabs.truncate(cols);
        self.tabs.extend((known..cols).map(is_tab));
        self.region = 0..i32::from(size.rows);
        self.reach_all();
    }

    /// The last character once more, as often as asked, if it stands before the cursor still.
    pub(super) fn repeat(&mut self, count: u16) {
        if let Some(last) = self.repeatable() {
            // More would fill the screen with it again.
            let most = u32::from(self.size.cols) * u32::from(self.size.rows);
            for _ in 0..u32::from(count).min(most) {
                self.input(last);
            }
        }
    }

    /// The character printed last, if printing it where it stands would change nothing.
    pub(super) fn repeatable(&self) -> Option<char> {
        let last = self.last.filter(|_| !self.term.mode().contains(TermMode::INSERT))?;
        let (line, column) = self.printed_at()?;
        let cursor = &self.term.grid().cursor;
        let cell = &self.term.grid()[line][column];
        let template = &cursor.template;
        let style = Flags::WRAPLINE | Flags::WIDE_CHAR | Flags::LEADING_WIDE_CHAR_SPACER;
        let same = cell.c == cursor.charsets[self.charset].map(last)
            && cell.fg == template.fg
            && cell.bg == template.bg
            && cell.flags.difference(style) == template.flags
            && cell.underline_color() == template.underline_color()
            && cell.hyperlink() == template.hyperlink()
            && cell.zerowidth().unwrap_or_default().is_empty();
        same.then_some(last)
    }

    /// Where the character that was printed last begins.
    pub(super) fn printed_at(&self) -> Option<(Line, Column)> {
        let cursor = &self.term.grid().cursor;
        let after = cursor.point.column.0 + usize::from(cursor.input_needs_wrap);
        let mut column = after.checked_sub(1)?;
        let row = &self.term.grid()[cursor.point.line];
        if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.checked_sub(1)?;
        } else if row[Column(column)].flags.contains(Flags::WIDE_CHAR) {
            // The cursor stands on its second half.
            return None;
        }
        Some((cursor.point.line, Column(column)))
    }

    /// The alternate screen is shown.
    pub(super) fn is_alternate(&self) -> bool {
        self.main.is_some()
    }

    fn show_alternate(&mut self, restores: bool) {
        if self.main.is_some() {
            return;
        }
        let (lines, cols) = (usize::from(self.size.rows), usize::from(self.size.cols));
        let mut main = std::mem::replace(self.term.grid_mut(), Grid::new(lines, cols, 0));
        self.term.grid_mut().cursor = main.cursor.clone();
        self.term.grid_mut().reset_region(..);
        if restores {
            main.saved_cursor = main.cursor.clone();
        }
        let keyboard = std::mem::take(&mut self.keyboard);
        self.main = Some(Main { grid: main, keyboard, restores });
    }

    fn show_main(&mut self, restores: bool) {
        let Some(main) = self.main.take() else { return };
        let alternate = std::mem::replace(self.term.grid_mut(), main.grid);
        let grid = self.term.grid_mut();
        grid.cursor = if restores { grid.saved_cursor.clone() } else { alternate.cursor };
        self.keyboard = main.keyboard;
        self.clamp();
    }

    /// The top row of the main screen is about to leave it.
    fn keep_top_row(&mut self, wrapped: bool) {
        if self.main.is_some() || self.region.start != 0 {
            return;
        }
        let cells = &self.term.grid()[Line(0)][..];
        let written = self.reach.bound().min(cells.len());
        debug_assert!(pen::length(cells) <= written, "a row was written unseen");
        keep(cells, written, wrapped, &mut self.row, &mut self.lines);
        if self.region.end == i32::from(self.size.rows) {
            self.reach.scrolled(self.size.rows);
        }
    }

    /// Any row may be written up to its end, or rows came down again.
    fn reach_all(&mut self) {
        self.reach.to(usize::from(self.size.cols));
    }

    /// Cells are filled with the cursor's background.
    fn fill(&mut self) {
        if self.cursor().template.bg != Color::Named(NamedColor::Background) {
            self.reach_all();
        }
    }

    /// Rows left the main screen because its size changed.
    fn keep_history(&mut self, grid: &Grid<Cell>) {
        for line in (1..=grid.history_size() as i32).rev() {
            keep(&grid[Line(-line)][..], usize::MAX, false, &mut self.row, &mut self.lines);
        }
    }

    fn cursor(&mut self) -> &mut Cursor<Cell> {
        &mut self.term.grid_mut().cursor
    }
}

/// Puts a row into the line store. It is blank from `written` on.
fn keep(cells: &[Cell], written: usize, wrapped: bool, text: &mut Vec<u8>, lines: &mut Lines) {
    let wraps = wrapped || cells.last().is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE));
    let written = &cells[..written.min(cells.len())];
    let length = if wraps { cells.len() } else { pen::length(written) };
    text.clear();
    let mut style = pen::Pen::default();
    pen::write(&cells[..length], &mut style, text);
    style.clear(text);
    lines.push(text, wraps.then_some(cells.len() as u16));
}

/// A main screen takes a new size: long lines are wrapped anew, and what has no room any more goes
/// above it, where it is found as history.
fn reflow(grid: &mut Grid<Cell>, lines: usize, cols: usize) {
    // The most that a screen of the greatest size becomes when it has two columns.
    grid.update_history(usize::from(u16::MAX) * 4);
    grid.resize(true, lines, cols);
    // Rather than below the cursor, room is made above.
    let below = (grid.cursor.point.line.0 as usize + 1..lines).rev();
    let blank = below.take_while(|line| pen::length(&grid[Line(*line as i32)][..]) == 0).count();
    let back = blank.min(grid.history_size());
    grid.resize(true, lines + back, cols);
    grid.resize(true, lines, cols);
}

/// What a change of size leaves to be put in order.
fn settle(grid: &mut Grid<Cell>, cols: usize) {
    grid.update_history(0);
    // The storage keeps a thousand rows in reserve, which would never be used.
    grid.truncate();
    for line in 0..grid.screen_lines() {
        edit::mend(grid, Line(line as i32));
    }
    edit::end_last_row(grid);
    let last = Column(cols - 1);
    for cursor in [&mut grid.cursor, &mut grid.saved_cursor] {
        if cursor.input_needs_wrap && cursor.point.column < last {
            cursor.input_needs_wrap = false;
            cursor.point.column += 1;
        }
    }
    if grid.cursor.input_needs_wrap {
        grid.cursor_cell().flags.remove(Flags::WRAPLINE);
    }
}

/// `Term` holds a second screen, which is never shown here: this replaces it.
fn set_hidden(term: &mut Term<VoidListener>, hidden: Grid<Cell>) {
    let shown = std::mem::replace(term.grid_mut(), Grid::new(1, 2, 0));
    term.swap_alt();
    *term.grid_mut() = hidden;
    term.swap_alt();
    *term.grid_mut() = shown;
}

fn tabs(cols: usize) -> Vec<bool> {
    (0..cols).map(is_tab).collect()
}

fn is_tab(column: usize) -> bool {
    column.is_multiple_of(8)
}
