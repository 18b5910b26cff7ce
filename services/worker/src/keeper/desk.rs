//! Where a session's pictures are asked for, and what its screen and its feed tell each other.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use termfleet_proto::ws::frame::Reason;
use termfleet_session::ids::Offset;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use super::PILE_BYTES;
use crate::{
    screen::{Format, Picture, Rows},
    viewer::Viewer,
};

/// Laggards of a session are given a picture at most twice a second, all together
/// (`byte-lane.md` §4).
const LAGGARDS_EVERY: Duration = Duration::from_millis(500);
/// How many may wait to read the screen of one session: each is a call of its own, and the screen is
/// read in milliseconds.
const READERS: usize = 32;

/// The desk of one epoch.
#[derive(Default)]
pub(crate) struct Desk {
    // Held for a push or a take; nothing else is locked under it.
    waiting: Mutex<Waiting>,
    asked: Notify,
    printed: Notify,
    piled_up: Notify,
    /// Up to where the screen has read.
    read: AtomicU64,
    /// Output from here on has a size that is not known yet, plus one; 0 if there is none.
    hold: AtomicU64,
}

/// At most one of each viewer and each kind: bounded by who is attached.
#[derive(Default)]
struct Waiting {
    asks: Vec<Ask>,
    laggards: Vec<Ask>,
    laggards_served: Option<Instant>,
    readers: Vec<Reader>,
    closed: bool,
}

/// Somebody reads the screen, and is not attached.
pub(crate) struct Reader {
    pub(crate) what: Read,
    pub(crate) answer: oneshot::Sender<Shown>,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// The screen, and its check sum.
    Screen(Format),
    /// Rows that have left it.
    Rows { before: Option<u64>, count: usize, plain: bool },
}

/// What is there to be read.
pub(crate) enum Shown {
    Screen(Picture, u32),
    Rows(Rows),
}

/// A picture is wanted.
pub(crate) struct Ask {
    pub(super) of: For,
    /// With so much scrollback.
    pub(super) rows: u32,
    /// It can wait for the other laggards.
    lags: bool,
}

/// Who wants it.
pub(super) enum For {
    /// A viewer, to be shown it.
    Viewer(Arc<Viewer>, Reason),
    /// The session, for its viewer of that number.
    Session(u64),
}

impl Ask {
    /// For a viewer, for a reason.
    pub(crate) fn viewer(viewer: &Arc<Viewer>, reason: Reason) -> Self {
        Self {
            rows: viewer.manner.rows(reason),
            of: For::Viewer(viewer.clone(), reason),
            lags: false,
        }
    }

    /// For a viewer that cannot keep up.
    pub(crate) fn laggard(viewer: &Arc<Viewer>) -> Self {
        Self { lags: true, ..Self::viewer(viewer, Reason::Lagging) }
    }

    /// For the session, about one of its viewers.
    pub(crate) fn session(number: u64, rows: u32) -> Self {
        Self { of: For::Session(number), rows, lags: false }
    }
}

impl Desk {
    /// Asks for a picture.
    pub(crate) fn ask(&self, ask: Ask) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if ask.lags {
            waiting.laggards.push(ask)
        } else {
            waiting.asks.push(ask)
        }
        drop(waiting);
        self.asked.notify_one();
    }

    /// Reads the screen once it has everything that is printed by now; false if too many do.
    pub(crate) fn look(&self, reader: Reader) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            // The end of the answer's way says so.
            return true;
        }
        if waiting.readers.len() >= READERS {
            return false;
        }
        waiting.readers.push(reader);
        drop(waiting);
        self.asked.notify_one();
        true
    }

    /// There is new output, up to there.
    pub(crate) fn moved(&self, head: Offset) {
        self.printed.notify_one();
        if head.since(self.read()) >= PILE_BYTES {
            self.piled_up.notify_one();
        }
    }

    /// The session is over, or has another shell.
    pub(crate) fn close(&self) {
        *self.lock() = Waiting { closed: true, ..Waiting::default() };
        self.asked.notify_one();
    }

    /// The size is about to change; output from here on may have the new one.
    pub(crate) fn hold_at(&self, head: Offset) {
        self.hold.store(head.get() + 1, Ordering::Release);
    }

    /// The journal knows where the size changed, if it did.
    pub(crate) fn release(&self) {
        self.hold.store(0, Ordering::Release);
        self.printed.notify_one();
    }

    /// Up to where the screen has read.
    pub(crate) fn read(&self) -> Offset {
        Offset::new(self.read.load(Ordering::Acquire))
    }

    pub(crate) fn has_read(&self, offset: Offset) {
        self.read.store(offset.get(), Ordering::Release);
    }

    pub(super) fn hold(&self) -> Offset {
        let held = self.hold.load(Ordering::Acquire);
        Offset::new(held.checked_sub(1).unwrap_or(u64::MAX))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ready when something was asked for. Cancel-safe; one waiter only, as the next.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Ready when something was printed.
    pub(super) async fn printed(&self) {
        self.printed.notified().await;
    }

    /// Ready when so much is unread that the screen should not wait for more.
    pub(super) async fn piled_up(&self) {
        self.piled_up.notified().await;
    }

    /// When the laggards' turn comes.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.lock();
        let next = waiting.laggards_served.map(|at| at + LAGGARDS_EVERY);
        next.filter(|_| !waiting.laggards.is_empty())
    }

    /// What was asked for; laggards only if it is their turn.
    pub(super) fn take(&self, now: Instant) -> Vec<Ask> {
        let mut waiting = self.lock();
        let mut asks = std::mem::take(&mut waiting.asks);
        let rested = waiting.laggards_served.is_none_or(|at| now >= at + LAGGARDS_EVERY);
        if rested && !waiting.laggards.is_empty() {
            waiting.laggards_served = Some(now);
            asks.append(&mut waiting.laggards);
        }
        asks
    }

    /// Who reads the screen.
    pub(super) fn take_readers(&self) -> Vec<Reader> {
        std::mem::take(&mut self.lock().readers)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every critical section here leaves the lists whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
