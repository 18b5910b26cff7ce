//! The screen of one session: a terminal emulator that is fed its output, and what is read from it:
//! snapshots, answers to queries, and what happened (`byte-lane.md` §3).
//!
//! It does no I/O and has no clock. The emulator itself is only fed up to where the output is at
//! rest, the rest waits here: so a snapshot can be made at any time, and is always one of a state
//! between two sequences. How output was cut into pieces makes no difference.

mod dump;
mod emulator;
mod happening;
mod lines;
mod palette;
mod pass;
mod pen;
mod plain;
mod read;
mod reply;
mod scan;
mod svg;

use alacritty_terminal::vte::ansi::{Handler as _, Processor, Timeout};
use bytes::Bytes;
use termfleet_session::{ids::Offset, limits::Size};
use tokio::time::{Duration, Instant};

use self::{
    emulator::Emulator,
    scan::{Mark, Marked, Scanner},
};
pub(crate) use self::{
    happening::Happening,
    read::{Format, Rows},
};

/// The terminal of one session.
pub(crate) struct Screen {
    size: Size,
    history_bytes: usize,
    /// Up to where the emulator was fed, at rest.
    rest: Offset,
    /// Output after that.
    waiting: Vec<u8>,
    scanner: Scanner,
    /// There is none until something was printed: many sessions print nothing for long.
    emulator: Option<Box<Fed>>,
}

/// A snapshot: sequences that give a fresh terminal of that size this state.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// The output before it is in the picture, the output from it on follows.
    pub(crate) offset: Offset,
    pub(crate) size: Size,
    pub(crate) data: Bytes,
}

struct Fed {
    parser: Processor<Never>,
    emulator: Emulator,
    /// Plain output, at most a screenful, that a blank screen has yet to show from its top on.
    undrawn: Vec<u8>,
}

/// Of a sequence or a character that is not whole so much is looked at again when more comes.
const HALF_SEQUENCE: usize = 64;

/// Ends whatever sequence the parser is in.
const CANCEL: &[u8] = b"\x18";

/// Synchronized updates are the scanner's, not vte's (which would buffer them once more).
#[derive(Debug, Default)]
struct Never;

impl Timeout for Never {
    fn set_timeout(&mut self, _: Duration) {}

    fn clear_timeout(&mut self) {}

    fn pending_timeout(&self) -> bool {
        false
    }
}

impl Screen {
    /// A terminal that has printed nothing, at an offset where output is at rest; it keeps so many
    /// bytes of the lines that leave the screen.
    pub(crate) fn new(size: Size, at: Offset, history_bytes: usize) -> Self {
        Self {
            size,
            history_bytes,
            rest: at,
            waiting: Vec::new(),
            scanner: Scanner::default(),
            emulator: None,
        }
    }

    /// The output from [`Self::fed`] on.
    pub(crate) fn feed(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() {
            return;
        }
        self.tick(now);
        self.fed_emulator().replies.at(now);
        if self.waiting.is_empty() {
            let released = self.release_all(bytes, 0, now);
            self.waiting.extend_from_slice(&bytes[released..]);
        } else {
            let mut waiting = std::mem::take(&mut self.waiting);
            let seen = waiting.len();
            waiting.extend_from_slice(bytes);
            let released = self.release_all(&waiting, seen, now);
            self.keep_waiting(waiting, released);
        }
    }

    /// Up to where it was fed.
    pub(crate) fn fed(&self) -> Offset {
        self.rest.plus(self.waiting.len() as u64)
    }

    /// The size changes at [`Self::fed`].
    pub(crate) fn resize(&mut self, size: Size) {
        // What waits was printed for the old size. Half a sequence has no effect yet.
        self.scanner.end_sync();
        let waiting = std::mem::take(&mut self.waiting);
        self.release_from(waiting);
        self.size = size;
        if let Some(fed) = self.drawn() {
            fed.emulator.resize(size);
        }
    }

    /// Output up to there is left out.
    pub(crate) fn skip_to(&mut self, offset: Offset) {
        (self.rest, self.waiting, self.scanner) = (offset, Vec::new(), Scanner::default());
    }

    /// Ends a synchronized update that lasts too long.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.scanner.tick(now);
        if self.scanner.rest() > 0 {
            let waiting = std::mem::take(&mut self.waiting);
            self.release_from(waiting);
        }
    }

    /// When to tick.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.scanner.deadline()
    }

    /// The state at the last offset at rest, with at most so many lines above the screen.
    pub(crate) fn snapshot(&mut self, rows: u32) -> Picture {
        let printed = self.scanner.printed();
        let mut data = match self.drawn() {
            Some(fed) => dump::dump(&fed.emulator, rows as usize, printed),
            None => dump::RESET.to_vec(),
        };
        if let Some(string) = self.scanner.inside() {
            data.extend_from_slice(string.opening());
        }
        Picture { offset: self.rest, size: self.size, data: data.into() }
    }

    /// Answers to what was asked since, to be written into the terminal.
    pub(crate) fn take_replies(&mut self) -> Vec<u8> {
        self.emulator.as_mut().map(|fed| fed.emulator.replies.take()).unwrap_or_default()
    }

    /// What happened since.
    pub(crate) fn take_events(&mut self) -> Vec<Happening> {
        self.emulator.as_mut().map(|fed| fed.emulator.happenings.take()).unwrap_or_default()
    }

    /// Feeds the emulator what becomes at rest, but for lines that nobody can see, and says how much
    /// that is. Of the bytes so many were looked at before.
    fn release_all(&mut self, bytes: &[u8], seen: usize, now: Instant) -> usize {
        let (mut from, mut to) = (0, seen);
        if seen <= HALF_SEQUENCE && self.scanner.is_calm() {
            self.scanner.restart();
            to = 0;
        }
        loop {
            let mut step = pass::RETRY_BYTES;
            while from == to && self.scanner.is_calm() {
                let passed = self.pass(&bytes[from..]);
                if passed.bytes == 0 {
                    step = passed.retry;
                    break;
                }
                from += passed.bytes;
                to = from;
            }
            to = bytes.len().min(to + step);
            self.scanner.scan(&bytes[from..to], now);
            from += self.release(&bytes[from..to]);
            if to == bytes.len() {
                return from;
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> pass::Passed {
        let fed = self.emulator.get_or_insert_with(|| Fed::new(self.size, self.history_bytes));
        let passed = fed.pass(bytes);
        if passed.bytes > 0 {
            self.scanner.passed(passed.printed);
            self.rest = self.rest.plus(passed.bytes as u64);
        }
        passed
    }

    fn release_from(&mut self, waiting: Vec<u8>) {
        let released = self.release(&waiting);
        self.keep_waiting(waiting, released);
    }

    fn keep_waiting(&mut self, mut waiting: Vec<u8>, released: usize) {
        if released == waiting.len() {
            return;
        }
        waiting.drain(..released);
        // An update of 256 KiB should not be paid for ever after.
        waiting.shrink_to(4096);
        self.waiting = waiting;
    }

    /// Feeds the emulator what is at rest, and says how much that is.
    fn release(&mut self, bytes: &[u8]) -> usize {
        let end = self.scanner.rest();
        if end == 0 {
            return 0;
        }
        let marks = self.scanner.release(bytes, end);
        let fed = self.emulator.get_or_insert_with(|| Fed::new(self.size, self.history_bytes));
        fed.draw();
        let mut from = 0;
        for marked in &marks {
            fed.print(&bytes[from..marked.start]);
            from = fed.marked(*marked, bytes);
        }
        fed.print(&bytes[from..end]);
        self.rest = self.rest.plus(end as u64);
        end
    }

    /// What is shown, if something was printed yet.
    fn drawn(&mut self) -> Option<&mut Fed> {
        let fed = self.emulator.as_deref_mut()?;
        fed.draw();
        Some(fed)
    }

    fn fed_emulator(&mut self) -> &mut Emulator {
        let (size, history) = (self.size, self.history_bytes);
        &mut self.emulator.get_or_insert_with(|| Fed::new(size, history)).emulator
    }
}

impl Fed {
    fn new(size: Size, history_bytes: usize) -> Box<Self> {
        let emulator = Emulator::new(size, history_bytes);
        Box::new(Self { parser: Processor::new(), emulator, undrawn: Vec::new() })
    }

    /// Prints output that is at rest, so half characters at its end will never be whole ones: the
    /// parser would wait for the rest of them.
    fn print(&mut self, bytes: &[u8]) {
        let (mut whole, mut broken) = (bytes, 0);
        while let half @ 1.. = scan::half_character(whole) {
            whole = &whole[..whole.len() - half];
            broken += 1;
        }
        self.parser.advance(&mut self.emulator, whole);
        for _ in 0..broken {
            self.emulator.input(char::REPLACEMENT_CHARACTER);
        }
    }

    /// Does what a mark says, and says where output goes on.
    fn marked(&mut self, marked: Marked, bytes: &[u8]) -> usize {
        if marked.mark != Mark::Osc {
            // An escape or a string may be open before what is left out, and ends there.
            self.parser.advance(&mut self.emulator, CANCEL);
        }
        match marked.mark {
            Mark::Skip => {}
            Mark::Repeat(count) => self.emulator.repeat(count),
            Mark::SoftReset => self.emulator.soft_reset(),
            Mark::Version => self.emulator.replies.add(reply::VERSION),
            Mark::Osc => {
                self.emulator.happenings.command(&bytes[marked.start..marked.end]);
                return marked.start;
            }
        }
        marked.end
    }
}

#[cfg(test)]
mod tests;
