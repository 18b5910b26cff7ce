//! Answers to what programs ask their terminal: a fixed set, in which nothing that a program
//! printed comes back, so many a second and no more.

use alacritty_terminal::{
    index::{Column, Line},
    vte::ansi::NamedColor,
};
use termfleet_session::limits::Size;
use tokio::time::{Duration, Instant};

use super::palette;

/// How many questions are answered in a second. Programs ask a handful when they start.
pub(super) const A_SECOND: u32 = 100;
/// How much may wait for being taken.
const BYTES: usize = 4096;

/// What kind of terminal it is: a VT100 with the advanced video option, as xterm.js says.
pub(super) const PRIMARY: &str = "\x1b[?1;2c";
/// Which version of it, as xterm.js says.
pub(super) const SECONDARY: &str = "\x1b[>0;276;0c";
/// It is ready.
pub(super) const READY: &str = "\x1b[0n";
/// Whose terminal it is.
pub(super) const VERSION: &str = "\x1bP>|termfleet\x1b\\";

#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: Vec<u8>,
    /// Until when so many more may be answered.
    window: Option<(Instant, u32)>,
}

impl Replies {
    /// Time goes on.
    pub(super) fn at(&mut self, now: Instant) {
        if self.window.is_none_or(|(until, _)| until <= now) {
            self.window = Some((now + Duration::from_secs(1), A_SECOND));
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn add(&mut self, reply: &str) {
        let Some((_, left @ 1..)) = &mut self.window else { return };
        if self.waiting.len() + reply.len() <= BYTES {
            *left -= 1;
            self.waiting.extend_from_slice(reply.as_bytes());
        }
    }

    pub(super) fn cursor(&mut self, line: Line, column: Column) {
        self.add(&format!("\x1b[{};{}R", line.0 + 1, column.0 + 1));
    }

    /// DECRPM: 0 is not known, 1 set, 2 not set.
    pub(super) fn mode(&mut self, prefix: &str, number: u16, set: Option<bool>) {
        let state = set.map_or(0, |set| if set { 1 } else { 2 });
        self.add(&format!("\x1b[{prefix}{number};{state}$y"));
    }

    pub(super) fn size(&mut self, size: Size) {
        self.add(&format!("\x1b[8;{};{}t", size.rows, size.cols));
    }

    /// The color that it would have if no program had changed it.
    pub(super) fn color(&mut self, index: usize, terminator: &str) {
        const FOREGROUND: usize = NamedColor::Foreground as usize;
        const BACKGROUND: usize = NamedColor::Background as usize;
        let (what, color) = match index {
            FOREGROUND => ("10".to_owned(), palette::FOREGROUND),
            BACKGROUND => ("11".to_owned(), palette::BACKGROUND),
            0..=255 => (format!("4;{index}"), palette::indexed(index as u8)),
            _ => ("12".to_owned(), palette::FOREGROUND),
        };
        let [r, g, b] = color;
        self.add(&format!(
            "\x1b]{what};rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}{terminator}"
        ));
    }
}
