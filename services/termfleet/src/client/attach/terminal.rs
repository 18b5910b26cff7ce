//! The terminal of whoever attaches: raw while it lasts, its size, what is typed, what is shown.

use std::{
    io::{IsTerminal, Read, Write},
    thread,
};

use anyhow::Result;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use termfleet_session::limits::{DEFAULT_SIZE, Size};
use tokio::sync::mpsc;

/// What is read of the keyboard, or of a pipe, at once.
pub(super) const READ_BYTES: usize = 16 << 10;
/// Reads that may wait: the lane behind them keeps more.
const READS: usize = 4;
/// Clears the screen for a snapshot: attributes, scroll region, cursor, contents.
const CLEAR: &[u8] = b"\x1b[m\x1b[r\x1b[H\x1b[2J";
/// What every snapshot begins with: a terminal that keeps its scrollback is not reset for another size.
const RESET: &[u8] = b"\x1bc";
/// Makes a terminal that shows all that was printed ready for being drawn anew: the main screen, the
/// modes in which a snapshot is drawn, no sequence open, no keyboard modes put aside.
const REDRAW: &[u8] =
    b"\x18\x1b[?2026h\x1b[<16u\x1b[?1049l\x1b[<16u\x1b[?7h\x1b[?6l\x1b[4l\x1b[20l\
\x1b[r\x1b(B\x1b)B\x0f\x1b[m";
/// Takes back what programs may have switched on: mouse reports, bracketed paste, application keys,
/// a hidden cursor, colours.
const CALM: &[u8] =
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[m";
/// Switches to the other screen, and back.
const OTHER_SCREEN: [&[u8]; 2] = [b"\x1b[?1049h", b"\x1b[?1049l"];

/// What happens before something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing: it goes on.
    Nothing,
    /// The screen is cleared, as for another session.
    Clear,
    /// What is shown is drawn anew in its place; what has scrolled away stays where it is.
    Redraw,
}

/// A terminal in raw mode; as it was when this is dropped, however that happens.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes the terminal raw, if standard input is one.
    pub(super) fn enter() -> Result<Option<Self>> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw)?;
        Ok(Some(Self { before }))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if std::io::stdout().is_terminal() {
            let mut out = std::io::stdout().lock();
            // A terminal that is gone needs no restoring.
            let _ = out.write_all(CALM).and_then(|()| out.flush());
        }
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The terminal's size, if there is one.
pub(super) fn size() -> Size {
    let known = tcgetwinsize(std::io::stdout()).or_else(|_| tcgetwinsize(std::io::stdin())).ok();
    known.and_then(|size| Size::new(size.ws_col.into(), size.ws_row.into())).unwrap_or(DEFAULT_SIZE)
}

/// What is typed; the channel ends with standard input. A thread of its own reads it: a read of a
/// terminal cannot be given up, and must not hold the process back when it wants to end.
pub(super) fn keys() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(READS);
    thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            if sender.blocking_send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What is shown, written by a thread of its own: a stopped terminal must not stop heartbeats.
pub(super) struct Screen {
    write: mpsc::Sender<Vec<u8>>,
    written: mpsc::Receiver<()>,
    waiting: Vec<u8>,
    /// Output before this is shown once what waits is written.
    waiting_end: u64,
    /// The same of what is being written, if anything is.
    writing_end: Option<u64>,
    /// Output before this is shown.
    shown: u64,
    is_terminal: bool,
    /// Do programs show the other screen?
    other: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let (write, mut jobs) = mpsc::channel::<Vec<u8>>(1);
        let (done, written) = mpsc::channel(1);
        thread::spawn(move || {
            while let Some(bytes) = jobs.blocking_recv() {
                let mut out = std::io::stdout().lock();
                // Whoever reads this went away: the next signal or key tells.
                let _ = out.write_all(&bytes).and_then(|()| out.flush());
                if done.blocking_send(()).is_err() {
                    break;
                }
            }
        });
        let is_terminal = std::io::stdout().is_terminal();
        let (waiting, waiting_end, writing_end, shown, other) = (Vec::new(), 0, None, 0, false);
        Self { write, written, waiting, waiting_end, writing_end, shown, is_terminal, other }
    }

    /// Is there a terminal at all?
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Shows bytes, which bring the output up to `end`, on a screen of so many rows.
    pub(super) fn show(&mut self, (before, rows): (Before, u16), bytes: &[u8], end: u64) {
        let bytes = match before {
            Before::Nothing => bytes,
            Before::Clear => {
                self.clear();
                bytes
            }
            Before::Redraw => {
                self.waiting.extend_from_slice(&redraw(rows));
                self.other = false;
                bytes.strip_prefix(RESET).unwrap_or(bytes)
            }
        };
        self.waiting.extend_from_slice(bytes);
        self.waiting_end = end;
        let last = |what: &[u8]| bytes.windows(what.len()).rposition(|part| part == what);
        match (last(OTHER_SCREEN[0]), last(OTHER_SCREEN[1])) {
            (None, None) => {}
            (on, off) => self.other = on > off,
        }
        self.go_on();
    }

    fn clear(&mut self) {
        // What was about to be shown is another screen's.
        self.waiting.clear();
        self.shown = 0;
        self.writing_end = self.writing_end.map(|_| 0);
        if self.is_terminal {
            self.waiting.extend_from_slice(CLEAR);
        }
    }

    /// Waits until something is written.
    pub(super) async fn written(&mut self) {
        if self.written.recv().await.is_some() {
            self.shown = self.shown.max(self.writing_end.take().unwrap_or_default());
            self.go_on();
        }
    }

    /// Output before this is shown.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }

    /// Is everything written?
    pub(super) fn is_idle(&self) -> bool {
        self.writing_end.is_none() && self.waiting.is_empty()
    }

    /// What takes the terminal back from the other screen, if a program left it there.
    pub(super) fn farewell(&self) -> &'static [u8] {
        if self.is_terminal && self.other { OTHER_SCREEN[1] } else { b"" }
    }

    fn go_on(&mut self) {
        if self.writing_end.is_some() || self.waiting.is_empty() {
            return;
        }
        // There is room: nothing is being written.
        if self.write.try_send(std::mem::take(&mut self.waiting)).is_ok() {
            self.writing_end = Some(self.waiting_end);
        }
    }
}

/// Empties the screen row by row: to clear it at once would put its rows into some terminals'
/// scrollback.
fn redraw(rows: u16) -> Vec<u8> {
    let mut out = REDRAW.to_vec();
    for row in 1..=rows {
        out.extend_from_slice(format!("\x1b[{row}H\x1b[2K").as_bytes());
    }
    out.extend_from_slice(b"\x1b[H");
    out
}
