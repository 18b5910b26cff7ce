//! How far to the right the rows of the main screen were written: a row that leaves it is only read
//! up to there. Under a flood of short lines looking for their ends would cost more than the lines.

/// The bound covers what was written since as many rows scrolled away as the screen has: whatever
/// is older has left it.
#[derive(Debug, Default)]
pub(super) struct Reach {
    now: usize,
    before: usize,
    scrolled: u16,
}

impl Reach {
    /// Cells before this column were written.
    pub(super) fn to(&mut self, column: usize) {
        self.now = self.now.max(column);
    }

    /// No row says anything from this column on.
    pub(super) fn bound(&self) -> usize {
        self.now.max(self.before)
    }

    /// A row of so many left at the top.
    pub(super) fn scrolled(&mut self, rows: u16) {
        self.scrolled += 1;
        if self.scrolled >= rows {
            *self = Self { before: self.now, ..Self::default() };
        }
    }
}
