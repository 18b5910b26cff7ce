//! Moving the cursor and erasing, as xterm.js does it, and wide characters that lose a half.

use alacritty_terminal::{
    Grid,
    grid::Dimensions as _,
    index::{Column, Line},
    term::{
        TermMode,
        cell::{Cell, Flags},
    },
};

use super::Emulator;

impl Emulator {
    /// Puts the cursor there, or as near as the screen, in origin mode the scroll region, allows.
    pub(super) fn place(&mut self, line: i32, column: usize) {
        let (first, last) = self.limits();
        let column = column.min(usize::from(self.size.cols) - 1);
        let cursor = self.cursor();
        cursor.point.line = Line(line.clamp(first, last));
        cursor.point.column = Column(column);
        cursor.input_needs_wrap = false;
    }

    /// The cursor stays where it is, if it may be there.
    pub(super) fn clamp(&mut self) {
        let (first, last) = self.limits();
        let most = Column(usize::from(self.size.cols) - 1);
        let cursor = self.cursor();
        let line = Line(cursor.point.line.0.clamp(first, last));
        if line != cursor.point.line || cursor.point.column > most {
            cursor.point.line = line;
            cursor.point.column = cursor.point.column.min(most);
            cursor.input_needs_wrap = false;
        }
        // Its row ends here, until something is printed.
        let wraps = cursor.input_needs_wrap;
        let cell = self.term.grid_mut().cursor_cell();
        cell.flags.set(Flags::WRAPLINE, cell.flags.contains(Flags::WRAPLINE) && !wraps);
    }

    fn limits(&self) -> (i32, i32) {
        if self.term.mode().contains(TermMode::ORIGIN) {
            (self.region.start, self.region.end - 1)
        } else {
            (0, i32::from(self.size.rows) - 1)
        }
    }

    /// Up, but not out of the scroll region.
    pub(super) fn up(&mut self, lines: usize) -> i32 {
        let line = self.cursor().point.line.0;
        let top = if line >= self.region.start { self.region.start } else { 0 };
        line.saturating_sub(count(lines)).max(top)
    }

    /// Down, but not out of the scroll region.
    pub(super) fn down(&mut self, lines: usize) -> i32 {
        let line = self.cursor().point.line.0;
        let end = if line < self.region.end { self.region.end } else { i32::from(self.size.rows) };
        line.saturating_add(count(lines)).min(end - 1)
    }

    /// The cursor is in the scroll region.
    pub(super) fn in_region(&mut self) -> bool {
        let line = self.cursor().point.line.0;
        self.region.contains(&line)
    }

    pub(super) fn column(&mut self) -> usize {
        self.cursor().point.column.0
    }

    /// What is printed next is not wrapped.
    pub(super) fn unwrap(&mut self) {
        self.cursor().input_needs_wrap = false;
    }

    /// Erases cells of the cursor's row.
    pub(super) fn erase(&mut self, from: usize, to: usize) {
        self.fill();
        let to = to.min(usize::from(self.size.cols));
        let grid = self.term.grid_mut();
        let background = grid.cursor.template.bg;
        let line = grid.cursor.point.line;
        for cell in &mut grid[line][Column(from)..Column(to)] {
            *cell = background.into();
        }
        mend_at(grid, line, from);
        mend_at(grid, line, to);
    }

    /// Erases whole rows.
    pub(super) fn erase_rows(&mut self, from: i32, to: i32) {
        self.fill();
        if from < to {
            self.term.grid_mut().reset_region(Line(from)..Line(to));
        }
    }

    /// The cursor's row was shifted.
    pub(super) fn mend_row(&mut self) {
        let grid = self.term.grid_mut();
        let line = grid.cursor.point.line;
        mend(grid, line);
    }
}

/// Clears what is left of wide characters that lost a half, and marks of wrapping that moved away
/// from the end of their row.
pub(super) fn mend(grid: &mut Grid<Cell>, line: Line) {
    let columns = grid[line].len();
    for column in 0..=columns {
        mend_at(grid, line, column);
    }
    for cell in &mut grid[line][..Column(columns - 1)] {
        cell.flags.remove(Flags::WRAPLINE);
    }
}

/// There is no row in which the last one could go on.
pub(super) fn end_last_row(grid: &mut Grid<Cell>) {
    let (line, column) = (grid.bottommost_line(), grid.last_column());
    let cell = &mut grid[line][column];
    cell.flags.remove(Flags::WRAPLINE);
}

/// Mends the seam before a column.
fn mend_at(grid: &mut Grid<Cell>, line: Line, column: usize) {
    let row = &grid[line];
    let has = |column: usize, flag: Flags| row[Column(column)].flags.contains(flag);
    let wide = column > 0 && has(column - 1, Flags::WIDE_CHAR);
    let spacer = column < row.len() && has(column, Flags::WIDE_CHAR_SPACER);
    if wide && !spacer {
        grid[line][Column(column - 1)].clear_wide();
    } else if spacer && !wide {
        grid[line][Column(column)].flags.remove(Flags::WIDE_CHAR_SPACER);
    }
}

fn count(lines: usize) -> i32 {
    i32::try_from(lines).unwrap_or(i32::MAX)
}
