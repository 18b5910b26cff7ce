//! A screen that grows: lines come back from the line store, as they do in xterm.js out of its
//! scrollback, if the cursor is in the last row.

use std::ops::Range;

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

/// So many rows come back at a time at most, …
const ROWS: usize = 2_000;
/// … and so many cells: what a size asks for beyond it stays above the screen.
const CELLS: usize = 200_000;

/// Takes the newest lines out of the store and puts them above the screen, as its history, wrapped
/// as it wraps: enough of them for a screen of that size.
pub(super) fn bring_back(grid: &mut Grid<Cell>, lines: &mut Lines, to: Size) {
    let columns = grid.columns();
    let wider = usize::from(to.cols).div_ceil(columns);
    let most = ((usize::from(to.rows) + 1) * wider).min(ROWS).min(CELLS / columns);
    let (start, kept) = lines.before(u64::MAX, most);
    let from = fits(&kept, start == lines.first(), most, columns);
    if let Some(drawn) = draw(&kept[from..], most, columns) {
        for _ in from..kept.len() {
            lines.pop();
        }
        put_above(grid, drawn);
    }
}

/// From where on lines take so many rows at most. They are whole ones, but of a line that is too long,
/// or whose beginning is not among them (it is, if these are `all`), as many rows as fit.
fn fits(kept: &[Kept], all: bool, most: usize, columns: usize) -> usize {
    let (mut room, mut from) = (most, kept.len());
    let mut take = |range: Range<usize>| {
        let rows = rows(&kept[range], columns);
        let fits = rows <= room;
        room -= if fits { rows } else { 0 };
        fits
    };
    while from > 0 {
        let before = kept[..from - 1].iter().rposition(|piece| piece.wrapped.is_none());
        let begins = before.map_or(0, |before| before + 1);
        if !((before.is_some() || all) && take(begins..from)) {
            break;
        }
        from = begins;
    }
    // A row begins where the one before it is as wide as the screen.
    let is_row = |piece: &Kept| piece.wrapped.is_some_and(|width| usize::from(width) == columns);
    while from > 1 && is_row(&kept[from - 1]) && is_row(&kept[from - 2]) && take(from - 1..from) {
        from -= 1;
    }
    from
}

/// How many rows one line takes at most.
fn rows(pieces: &[Kept], columns: usize) -> usize {
    let (mut all, mut wide) = (0, false);
    for piece in pieces {
        all += cells(&piece.text);
        wide |= !piece.text.is_ascii();
    }
    // A wide character may leave a cell empty at the end of a row.
    all.div_ceil(columns - usize::from(wide)).max(1)
}

/// How many cells a text takes at most.
fn cells(text: &[u8]) -> usize {
    let (mut cells, mut rest) = (0, text);
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after.first()) {
            (0x1B, Some(b'[')) => past(after, |byte| (0x40..=0x7E).contains(&byte)),
            (0x1B, Some(b']')) => past(after, |byte| byte == b'\\'),
            _ => {
                // Of several bytes it may be a wide one.
                cells += match first {
                    0..0x80 => 1,
                    0x80..0xC0 => 0,
                    _ => 2,
                };
                after
            }
        };
    }
    cells
}

/// What follows the end of a sequence, whose second byte is the first here.
fn past(sequence: &[u8], ends: impl Fn(u8) -> bool) -> &[u8] {
    let length = sequence.iter().skip(1).position(|byte| ends(*byte));
    length.map_or(&[], |length| &sequence[length + 2..])
}

/// The rows of lines on a screen of so many columns. If the last one goes on in the screen's first
/// row, it has to end where a row does.
fn draw(kept: &[Kept], rows: usize, columns: usize) -> Option<Vec<Row<Cell>>> {
    let goes_on = kept.last()?.wrapped.is_some();
    // Both are bounded above.
    let size = Size { cols: columns as u16, rows: rows as u16 };
    let mut scratch = Emulator::new(size, 0);
    let mut parser = Processor::<Never>::new();
    for (number, piece) in kept.iter().enumerate() {
        parser.advance(&mut scratch, &piece.text);
        if piece.wrapped.is_none() && number + 1 < kept.len() {
            parser.advance(&mut scratch, b"\r\n");
        }
    }
    let grid = scratch.term.grid_mut();
    if goes_on && !grid.cursor.input_needs_wrap {
        return None;
    }
    let last = grid.cursor.point.line;
    grid[last][..][columns - 1].flags.set(Flags::WRAPLINE, goes_on);
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
