//! Lines that pass the screen unseen: in a flood most scroll away before anybody looks. They go to the
//! line store as they came, and even the last screenful is only drawn when somebody looks at it, or
//! when something else than plain output follows.

use alacritty_terminal::vte::ansi::Handler as _;

use super::{
    Fed,
    lines::Raw,
    plain::{self, Item, Plain},
};

/// So many bytes at least begin to pass: for less it is not worth it.
pub(super) const LEAST_BYTES: usize = 1024;
/// The most that is looked at once.
const MOST_BYTES: usize = 64 << 10;
/// A screenful of more than this is drawn at once rather than kept.
const UNDRAWN_BYTES: usize = 16 << 10;
/// After so much other output it is tried again to let lines pass.
pub(super) const RETRY_BYTES: usize = 4 << 10;

/// What was dealt with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) bytes: usize,
    /// It is worth a try again after so many more.
    pub(super) retry: usize,
    /// What was dealt with ends with a character.
    pub(super) printed: bool,
}

impl Fed {
    /// Lets lines pass at the beginning of output, where no sequence is open.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Passed {
        let mut passed = Passed { retry: RETRY_BYTES, ..Passed::default() };
        let before = self.undrawn.len();
        if before == 0 {
            passed.bytes = self.begin(bytes);
            if passed.bytes == 0 || !self.emulator.is_at_blank_bottom() {
                return passed;
            }
        }
        let next = &bytes[passed.bytes..];
        let next = &next[..next.len().min(MOST_BYTES.saturating_sub(before))];
        let all = [&self.undrawn[..], next].concat();
        let plain = plain::plain(&all, usize::from(self.emulator.size.cols));
        if plain.end <= before {
            return passed;
        }
        let lines = self.passing(&all, &plain);
        if before == 0 {
            if lines < LEAST_BYTES {
                passed.retry = passed.retry.max(plain.end);
                return passed;
            }
            self.emulator.keep_rows();
        }
        passed.bytes += plain.end - before;
        passed.printed = plain.printed;
        self.let_pass(all, &plain, lines);
        passed
    }

    /// Draws what has not been drawn yet.
    pub(super) fn draw(&mut self) {
        if !self.undrawn.is_empty() {
            let undrawn = std::mem::take(&mut self.undrawn);
            self.parser.advance(&mut self.emulator, &undrawn);
        }
    }

    /// Ends the line that the cursor is in, if lines may pass after it; says how much that was.
    fn begin(&mut self, bytes: &[u8]) -> usize {
        if bytes.len() < LEAST_BYTES || !self.emulator.may_pass() {
            return 0;
        }
        let mut length = 0;
        while let Some((item, bytes)) = plain::item(&bytes[length..]) {
            length += bytes;
            if item == Item::LineFeed {
                break;
            }
            if length > UNDRAWN_BYTES {
                return 0;
            }
        }
        if length == 0 || bytes[length - 1] != b'\n' {
            return 0;
        }
        self.parser.advance(&mut self.emulator, &bytes[..length]);
        length
    }

    /// Up to where lines pass: those after them fill the screen.
    fn passing(&self, all: &[u8], plain: &Plain) -> usize {
        // The last line feed leads to the last row.
        let mut end = plain.lines_end;
        for _ in 0..self.emulator.size.rows {
            let Some(line_feed) = all[..end].iter().rposition(|byte| *byte == b'\n') else {
                return 0;
            };
            end = line_feed;
        }
        end + 1
    }

    /// Lines up to there pass, and the rest is the screen's.
    fn let_pass(&mut self, mut all: Vec<u8>, plain: &Plain, lines: usize) {
        self.undrawn = all[lines..plain.end].to_vec();
        let cols = self.emulator.size.cols;
        let left = plain::plain(&all[lines..plain.lines_end], usize::from(cols));
        let style = self.emulator.style().clone();
        if plain.styled {
            let term = &mut self.emulator.term;
            plain::styles(&all[..lines], |attribute| term.terminal_attribute(attribute));
        }
        if lines > 0 && !self.emulator.is_alternate() {
            all.truncate(lines);
            let rows = plain.rows - left.rows;
            self.emulator.lines.push_raw(Raw { bytes: all, rows, cols, style });
        }
        if self.undrawn.len() > UNDRAWN_BYTES {
            self.draw();
        }
    }
}
