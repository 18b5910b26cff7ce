//! A screen that grows in height: rows come back from the line store, as they do in xterm.js out of
//! its scrollback, if the cursor is in the last row.

use alacritty_terminal::{
    Grid,
    grid::{Dimensions as _, Row},
    index::{Column, Line},
    term::cell::{Cell, Flags},
    vte::ansi::Processor,
};
use termfleet_session::limits::Size;

use super::Emulator;
use crate::screen::{
    Never,
    lines::{Line as Kept, Lines},
};

/// Takes at most so many rows back, as far as there are blank ones below the cursor for them.
pub(super) fn take_back(grid: &mut Grid<Cell>, lines: &mut Lines, most: usize) {
    let below = grid.screen_lines() - 1 - grid.cursor.point.line.0 as usize;
    let mut rows = Vec::new();
    while rows.len() < most.min(below)
        && let Some(row) = lines.newest().and_then(|line| row(&line, grid.columns()))
    {
        rows.push(row);
        lines.pop();
    }
    let count = rows.len() as i32;
    let all = Line(0)..Line(grid.screen_lines() as i32);
    if count > 0 {
        grid.scroll_down(&all, rows.len());
    }
    for (line, row) in rows.into_iter().rev().enumerate() {
        grid[Line(line as i32)] = row;
    }
    grid.cursor.point.line += count;
}

/// The row that a line was, if the screen is wide enough for it; one that goes on in the next must
/// have ended where the screen ends.
fn row(line: &Kept, columns: usize) -> Option<Row<Cell>> {
    // A screen has at most 1000 columns.
    let cols = columns as u16;
    let mut scratch = Emulator::new(Size { cols, rows: 2 }, 0);
    Processor::<Never>::new().advance(&mut scratch, &line.text);
    let grid = scratch.term.grid();
    let mut row = grid[Line(0)].clone();
    row[Column(columns - 1)].flags.set(Flags::WRAPLINE, line.wrapped.is_some());
    let fits = grid.cursor.point.line == Line(0) && line.wrapped.is_none_or(|width| width == cols);
    fits.then_some(row)
}
