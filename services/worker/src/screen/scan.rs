//! The scanner in front of the emulator: where in the output everything is **at rest**, and what
//! the emulator must not see as it came.
//!
//! At rest means: no half sequence, no half character, no open synchronized update. The emulator
//! is only ever given output up to such a place, so its state is always one that a snapshot can
//! express. The states follow vte's parser, with one simplification: what DCS, SOS, PM and APC
//! strings say means nothing to a screen, so they are left out whole.

use tokio::time::{Duration, Instant};

/// The longest control string that is looked at. A longer one means nothing (vte would store it
/// without bound), and its bytes are at rest like any others.
pub(super) const STRING_BYTES: usize = 128 << 10;
/// The most output that a synchronized update may hold back.
pub(super) const SYNC_BYTES: usize = 256 << 10;
/// How long a synchronized update may hold back output.
pub(super) const SYNC_TIME: Duration = Duration::from_millis(150);

const ESC: u8 = 0x1B;
const BEL: u8 = 0x07;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// Intermediate bytes of an escape sequence.
    Collect,
    Csi,
    String(Kind),
}

/// Which control string it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Osc,
    Other,
}

impl Kind {
    /// What puts a parser into such a string, with a content that means nothing.
    pub(super) fn opening(self) -> &'static [u8] {
        match self {
            Self::Osc => b"\x1b]7777;",
            Self::Other => b"\x1bX",
        }
    }
}

/// What the emulator must not be given as it came, or what says more than the emulator reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing to the emulator.
    Skip,
    /// The last character once more, so many times.
    Repeat(u16),
    /// An operating system command, given to the emulator as well.
    Osc,
    /// DECSTR.
    SoftReset,
    /// XTVERSION.
    Version,
}

/// A mark and the bytes that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) mark: Mark,
}

/// All positions count from the first byte that was not released yet.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    /// How far it looked.
    at: usize,
    /// Where the sequence that it is in began, with a string that its escape ended.
    start: usize,
    /// Where the last escape is.
    escape: usize,
    /// No half sequence and no half character before this.
    whole: usize,
    /// The end of the last sequence: what follows it are characters.
    sequence: usize,
    /// It is in a string that is too long.
    dropping: bool,
    sync: Option<Sync>,
    marks: Vec<Marked>,
    /// A character that can be repeated was the last thing before position 0.
    printed: bool,
}

#[derive(Debug)]
struct Sync {
    /// Where the update began.
    start: usize,
    until: Instant,
    /// What came before it ends with a character that can be repeated.
    printed: bool,
}

impl Scanner {
    /// Looks at what it has not yet seen of the bytes that were not released.
    pub(super) fn scan(&mut self, bytes: &[u8], now: Instant) {
        while self.at < bytes.len() {
            match self.state {
                State::Ground => self.ground(bytes),
                State::Escape => self.escape(bytes[self.at]),
                State::Collect => self.collect(bytes[self.at]),
                State::Csi => self.csi(bytes, now),
                State::String(kind) => self.string(kind, bytes),
            }
        }
        self.whole = match self.state {
            State::Ground => bytes.len() - half_character(&bytes[self.sequence..]),
            State::String(_) if self.dropping => bytes.len(),
            _ => self.start,
        };
        if self.sync.as_ref().is_some_and(|sync| self.at - sync.start > SYNC_BYTES) {
            self.sync = None;
        }
    }

    /// Up to where output is at rest.
    pub(super) fn rest(&self) -> usize {
        self.sync.as_ref().map_or(self.whole, |sync| sync.start.min(self.whole))
    }

    /// Ends a synchronized update that lasts too long.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.sync.as_ref().is_some_and(|sync| sync.until <= now) {
            self.sync = None;
        }
    }

    /// Ends a synchronized update in any case.
    pub(super) fn end_sync(&mut self) {
        self.sync = None;
    }

    /// When to tick.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.sync.as_ref().map(|sync| sync.until)
    }

    /// What was not released begins outside of any sequence and any synchronized update.
    pub(super) fn is_calm(&self) -> bool {
        self.sync.is_none() && !self.dropping
    }

    /// Forgets what was not released: it comes once more.
    pub(super) fn restart(&mut self) {
        debug_assert!(self.is_calm(), "what is open began before what comes");
        *self = Self { printed: self.printed, ..Self::default() };
    }

    /// Something was released that it has not seen.
    pub(super) fn passed(&mut self, printed: bool) {
        self.printed = printed;
    }

    /// Everything up to `end`, where it is at rest, was released; these are the marks in it.
    pub(super) fn release(&mut self, bytes: &[u8], end: usize) -> Vec<Marked> {
        self.printed = match &self.sync {
            Some(sync) if sync.start == end => sync.printed,
            _ => self.prints(bytes, end),
        };
        let later = self.marks.iter().position(|marked| marked.start >= end);
        let rest = self.marks.split_off(later.unwrap_or(self.marks.len()));
        let released = std::mem::replace(&mut self.marks, rest);
        for marked in &mut self.marks {
            (marked.start, marked.end) = (marked.start - end, marked.end - end);
        }
        if let Some(sync) = &mut self.sync {
            sync.start -= end;
        }
        self.at -= end;
        self.start = self.start.saturating_sub(end);
        self.escape = self.escape.saturating_sub(end);
        self.whole -= end;
        self.sequence = self.sequence.saturating_sub(end);
        released
    }

    /// What was released ends with a character that can be repeated.
    pub(super) fn printed(&self) -> bool {
        self.printed
    }

    /// The string, too long to be looked at, in which what was released ends.
    pub(super) fn inside(&self) -> Option<Kind> {
        match self.state {
            State::String(kind) if self.dropping => Some(kind),
            _ => None,
        }
    }

    fn ground(&mut self, bytes: &[u8]) {
        match escape_in(&bytes[self.at..]) {
            None => self.at = bytes.len(),
            Some(plain) => {
                self.at += plain;
                self.start = self.at;
                self.begin();
            }
        }
    }

    /// There is an escape.
    fn begin(&mut self) {
        self.escape = self.at;
        self.at += 1;
        self.state = State::Escape;
    }

    fn escape(&mut self, byte: u8) {
        if byte == ESC {
            return self.begin();
        }
        self.at += 1;
        match byte {
            0x20..=0x2F => self.state = State::Collect,
            b'[' => self.state = State::Csi,
            b']' => self.state = State::String(Kind::Osc),
            b'P' | b'X' | b'^' | b'_' => self.state = State::String(Kind::Other),
            0x30..=0x7E | 0x18 | 0x1A => self.done(),
            _ => {}
        }
    }

    fn collect(&mut self, byte: u8) {
        if byte == ESC {
            return self.begin();
        }
        self.at += 1;
        if matches!(byte, 0x30..=0x7E | 0x18 | 0x1A) {
            self.done();
        }
    }

    fn csi(&mut self, bytes: &[u8], now: Instant) {
        let from = self.at;
        let last =
            bytes[from..].iter().position(|byte| matches!(*byte, 0x40..=0x7E | 0x18 | 0x1A | ESC));
        let Some(last) = last else {
            self.at = bytes.len();
            return;
        };
        self.at = from + last;
        match bytes[self.at] {
            ESC => return self.begin(),
            0x18 | 0x1A => self.at += 1,
            last => {
                self.at += 1;
                self.dispatch(last, bytes, now);
            }
        }
        self.done();
    }

    /// A control sequence is whole: does it concern the scanner?
    fn dispatch(&mut self, last: u8, bytes: &[u8], now: Instant) {
        let sequence = &bytes[self.escape..self.at];
        match last {
            b'h' | b'l' if sequence.len() >= 8 => self.synchronize(sequence, last, bytes, now),
            b'b' => {
                // As everywhere but in vte, only what was printed just now can be repeated.
                let count = parameter(sequence, b"").filter(|_| self.prints(bytes, self.escape));
                let repeat = |count: u16| Mark::Repeat(count.max(1));
                self.mark(self.escape, count.map_or(Mark::Skip, repeat));
            }
            b'p' if parameter(sequence, b"!").is_some() => {
                self.mark(self.escape, Mark::SoftReset);
            }
            b'q' if parameter(sequence, b">") == Some(0) => self.mark(self.escape, Mark::Version),
            _ => {}
        }
    }

    fn synchronize(&mut self, sequence: &[u8], last: u8, bytes: &[u8], now: Instant) {
        let body = sequence.strip_prefix(b"\x1b[?").unwrap_or_default();
        let mut modes = body[..body.len().saturating_sub(1)].split(|byte| *byte == b';');
        if !modes.any(|mode| mode == b"2026") {
            return;
        }
        if last == b'l' {
            self.sync = None;
        } else if self.sync.is_none() {
            let printed = self.prints(bytes, self.start);
            self.sync = Some(Sync { start: self.start, until: now + SYNC_TIME, printed });
        }
    }

    fn string(&mut self, kind: Kind, bytes: &[u8]) {
        let end = bytes[self.at..].iter().position(|byte| match *byte {
            0x18 | 0x1A | ESC => true,
            byte => byte == BEL && kind == Kind::Osc,
        });
        let to = end.map_or(bytes.len(), |end| self.at + end);
        let too_long = to - self.escape > STRING_BYTES;
        self.at = to;
        let dropped = self.dropping || too_long;
        if end.is_none() {
            if dropped {
                self.mark(self.escape, Mark::Skip);
                (self.start, self.escape, self.dropping) = (to, to, true);
            }
            return;
        }
        let last = bytes[to];
        self.at = if last == ESC { to } else { to + 1 };
        let skipped = dropped || kind == Kind::Other;
        self.mark(self.escape, if skipped { Mark::Skip } else { Mark::Osc });
        self.dropping = false;
        if last == ESC { self.begin() } else { self.done() }
    }

    fn mark(&mut self, start: usize, mark: Mark) {
        self.marks.push(Marked { start, end: self.at, mark });
    }

    fn done(&mut self) {
        self.state = State::Ground;
        self.sequence = self.at;
    }

    /// Whether the bytes before `end`, where no sequence is open, end with a character.
    fn prints(&self, bytes: &[u8], end: usize) -> bool {
        if end == 0 {
            return self.printed;
        }
        if end == self.sequence {
            return false;
        }
        match bytes[end - 1] {
            0x00..=0x1F | 0x7F => false,
            0x80..=0x9F => end < 2 || bytes[end - 2] != 0xC2,
            _ => true,
        }
    }
}

/// Where the first escape is, looked for in steps that compilers turn into vector instructions.
fn escape_in(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 32;
    let steps = bytes.chunks(STEP);
    let hit = steps
        .enumerate()
        .find(|(_, step)| step.iter().fold(false, |found, byte| found | (*byte == ESC)));
    let (number, step) = hit?;
    step.iter().position(|byte| *byte == ESC).map(|at| number * STEP + at)
}

/// How many bytes of a character that is not whole there are at the end.
pub(super) fn half_character(bytes: &[u8]) -> usize {
    let longest = bytes.len().min(3);
    for length in 1..=longest {
        let tail = &bytes[bytes.len() - length..];
        match tail[0] {
            0x80..=0xBF => {}
            0xC0..=0xFF => {
                let half =
                    std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
                return if half { length } else { 0 };
            }
            _ => return 0,
        }
    }
    0
}

/// The first parameter of `CSI prefix parameters final`; none, if it has another form.
fn parameter(sequence: &[u8], prefix: &[u8]) -> Option<u16> {
    let body = sequence.get(2..sequence.len() - 1)?.strip_prefix(prefix)?;
    if !body.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')) {
        return None;
    }
    let digits = body.split(|byte| !byte.is_ascii_digit()).next()?;
    let value = digits.iter().fold(0u16, |value, digit| {
        value.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
    });
    Some(value)
}
