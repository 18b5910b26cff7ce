//! Whether lines may pass the screen unseen, and what becomes of the rows that they push out.

use alacritty_terminal::{
    grid::Dimensions as _,
    index::{Column, Line, Point},
    term::{TermMode, cell::Cell},
    vte::ansi::{Color, NamedColor, StandardCharset},
};

use super::{Emulator, is_tab, keep};
use crate::screen::pen;

impl Emulator {
    /// Plain output does on the whole screen what it usually does.
    pub(in crate::screen) fn may_pass(&self) -> bool {
        let cursor = &self.term.grid().cursor;
        let mode = self.term.mode();
        // A screen of one row keeps it before it is whole.
        self.size.rows > 1
            && self.region == (0..i32::from(self.size.rows))
            && cursor.template.bg == Color::Named(NamedColor::Background)
            && cursor.charsets[self.charset] == StandardCharset::Ascii
            && mode.contains(TermMode::LINE_WRAP)
            && !mode.intersects(TermMode::INSERT | TermMode::LINE_FEED_NEW_LINE)
            && self.tabs.iter().enumerate().all(|(column, tab)| *tab == is_tab(column))
    }

    /// The cursor is at the beginning of a blank last row.
    pub(in crate::screen) fn is_at_blank_bottom(&self) -> bool {
        let grid = self.term.grid();
        let bottom = Point::new(grid.bottommost_line(), Column(0));
        grid.cursor.point == bottom
            && !grid.cursor.input_needs_wrap
            && pen::length(&grid[bottom.line][..]) == 0
    }

    /// The rows above the cursor's leave the screen. It is blank then, and the cursor at its top.
    pub(in crate::screen) fn keep_rows(&mut self) {
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
        self.cursor().point = Point::default();
    }

    /// What characters are written with.
    pub(in crate::screen) fn style(&self) -> &Cell {
        &self.term.grid().cursor.template
    }
}
