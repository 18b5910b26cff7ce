//! A screen that grows: lines come back from the line store, as they do in xterm.js out of its
//! scrollback, if the cursor is in the last row.

use alacritty_terminal::{
    Grid,
    grid::{Dimensions as _, Row},
    index::Line,
    term::cell::{Cell, Flags},
    vte::ansi::Processor,
};
use termfleet_session::limits::Size;

use super::Emulator;
use crate::screen::{
    Never,
    lines::{Line as Kept, Lines},
};

/// What comes back has at most so many cells at a time (24 bytes each).
const CELLS: usize = 200_000;

/// Takes the newest lines out of the store and puts them above the screen, as its history, wrapped
/// as it wraps: enough of them for a screen of that size.
pub(super) fn bring_back(grid: &mut Grid<Cell>, lines: &mut Lines, to: Size) {
    let columns = grid.columns();
    let wider = usize::from(to.cols).div_ceil(columns);
    let most = ((usize::from(to.rows) + 1) * wider).min(CELLS / columns);
    let (start, kept) = lines.before(u64::MAX, most);
    let mut rows = Vec::new();
    let mut left = &kept[..];
    while let Some((newest, before)) = left.split_last() {
        let begins = before.iter().rposition(|line| line.wrapped.is_none()).map_or(0, |at| at + 1);
        let whole = begins > 0 || start == lines.first();
        let drawn =
            whole.then(|| draw(&left[begins..], newest.wrapped.is_some(), columns)).flatten();
        let Some(drawn) = drawn.filter(|drawn| rows.len() + drawn.len() <= most) else { break };
        rows.extend(drawn.into_iter().rev());
        left = &left[..begins];
    }
    for _ in left.len()..kept.len() {
        lines.pop();
    }
    rows.reverse();
    put_above(grid, rows);
}

/// The rows of a line on a screen of so many columns. One that goes on in the screen's first row has
/// to end where a row does.
fn draw(pieces: &[Kept], goes_on: bool, columns: usize) -> Option<Vec<Row<Cell>>> {
    let text: Vec<u8> = pieces.iter().flat_map(|piece| &piece.text).copied().collect();
    // A wide character may leave a cell empty at the end of a row.
    let most = 2 + text.len() / (columns - 1);
    let rows = u16::try_from(most).ok().filter(|_| most * columns <= CELLS)?;
    // A screen has at most 1000 columns.
    let size = Size { cols: columns as u16, rows };
    let mut scratch = Emulator::new(size, 0);
    Processor::<Never>::new().advance(&mut scratch, &text);
    let grid = scratch.term.grid_mut();
    if goes_on && !grid.cursor.input_needs_wrap {
        return None;
    }
    let last = grid.cursor.point.line;
    let end = &mut grid[last][..];
    end[columns - 1].flags.set(Flags::WRAPLINE, goes_on);
    Some((0..=last.0).map(|line| grid[Line(line)].clone()).collect())
}

/// Rows become the grid's history, which has none.
fn put_above(grid: &mut Grid<Cell>, rows: Vec<Row<Cell>>) {
    grid.update_history(rows.len());
    let height = grid.screen_lines();
    let all = Line(0)..Line(height as i32);
    let blank = Row::new(grid.columns());
    let mut swap = |line: usize, row| std::mem::replace(&mut grid[Line(line as i32)], row);
    let shown: Vec<_> = (0..height).map(|line| swap(line, blank.clone())).collect();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk = rows.by_ref().take(height);
        let count = chunk.enumerate().map(|(line, row)| grid[Line(line as i32)] = row).count();
        grid.scroll_up(&all, count);
    }
    for (line, row) in shown.into_iter().enumerate() {
        grid[Line(line as i32)] = row;
    }
}
