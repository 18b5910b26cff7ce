//! What workers send to one socket, until the socket has room for it.
//!
//! Links push and never wait: a slow socket must not hold up the sessions of another one. What a
//! seat may hold is bounded by the credit that its client gave the worker; a worker that sends more
//! breaks the contract and loses the seat. The socket's loop takes things out: answers and marks
//! first, then output, one frame of each seat in turn.
//!
//! It also knows what was taken out last, which is where a broken link is picked up again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use termfleet_proto::ws::{
    frame::Reason,
    v1::{Action, Attached, EventKind},
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, Offset},
    limits::{MAX_FRAME_BYTES, MAX_WINDOW_BYTES, Size},
};
use tokio::sync::Notify;

use super::queue::{Position, Queue};

/// Output and snapshots that one seat may hold: the largest window, and as much again for a snapshot
/// and the window that it renews.
pub(super) const SEAT_BYTES: usize = 2 * MAX_WINDOW_BYTES as usize;
/// Events that one seat may hold beside its output: at 20 resizes a second (coalesced while they
/// wait) nothing honest comes near it.
pub(super) const SEAT_ITEMS: usize = 512;
/// Answers to requests that may be on their way to or from one seat.
pub(super) const SEAT_REQUESTS: usize = 16;

/// One attachment of one socket, over all its channels: numbered by the socket.
pub(crate) type SeatKey = u64;
/// A request of a socket about one of its seats: numbered by the socket.
pub(crate) type Token = u64;

/// Something for a socket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delivery {
    /// The seat has a channel now, or another one, or was brought up to date.
    Attached(Box<Attached>, Answers),
    /// The link is lost and looked for.
    Away {
        /// Attempts so far that failed.
        attempts: u32,
    },
    /// The seat was refused and is gone.
    AttachRefused(Refusal),
    /// Output from this offset on.
    Output {
        /// Offset of the first byte.
        offset: Offset,
        /// The bytes.
        data: Bytes,
    },
    /// The screen, or a part of it.
    Snapshot(Snapshot),
    /// Input was written.
    InputAck {
        /// All before this.
        offset: Offset,
        /// All before this, at least 50 ms ago.
        echo: Offset,
    },
    /// Something happened in the session.
    Event(EventKind),
    /// Input was refused.
    InputRefused(Refusal),
    /// A request was refused.
    Refused(Token, Refusal),
    /// A request was done.
    Done(Token, Action),
    /// The attachment ended and the seat is gone.
    Detached(Ending),
}

/// Which question an [`Delivery::Attached`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The attach itself, or none: the channel is a new one.
    Attach,
    /// A `sync` on the channel that stands.
    Sync(Token),
}

/// A snapshot or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The number of the shell.
    pub(crate) epoch: Epoch,
    /// Where output goes on.
    pub(crate) offset: Offset,
    /// The screen's size.
    pub(crate) size: Size,
    /// Why it is sent.
    pub(crate) reason: Reason,
    /// Another part follows.
    pub(crate) more: bool,
    /// The sequences.
    pub(crate) data: Bytes,
}

/// How an attachment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Why, unless it was asked for.
    pub(crate) code: Option<Code>,
    /// Why, in words.
    pub(crate) reason: String,
    /// Exit code, if the process ended.
    pub(crate) exit_code: Option<i32>,
    /// Signal, if the process ended by one.
    pub(crate) signal: Option<i32>,
}

/// The seat holds all that it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more was sent to a seat than its credit allows")]
pub(crate) struct Overfull;

/// One socket's inbox; clones are handles to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    // Short and private: held for a push or a pop, never over a wait.
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    seats: HashMap<SeatKey, Queue>,
    /// Seats with answers or marks, in the order in which they got the first one.
    answers: VecDeque<SeatKey>,
    /// Seats with anything else, in turn.
    turn: VecDeque<SeatKey>,
}

impl Inbox {
    /// Makes room for a seat.
    pub(crate) fn open(&self, key: SeatKey) {
        self.lock().seats.insert(key, Queue::default());
    }

    /// Forgets a seat and what waits for it.
    pub(crate) fn close(&self, key: SeatKey) {
        self.lock().seats.remove(&key);
    }

    /// Puts something in. A seat that is closed takes nothing, without a word.
    ///
    /// # Errors
    /// [`Overfull`] if the seat holds all that it may; it is not put in then.
    pub(crate) fn push(&self, key: SeatKey, delivery: Delivery) -> Result<(), Overfull> {
        let mut state = self.lock();
        let State { seats, answers, turn } = &mut *state;
        let Some(queue) = seats.get_mut(&key) else { return Ok(()) };
        let placed = queue.push(delivery)?;
        if placed.first_answer {
            answers.push_back(key);
        }
        if placed.first_item {
            turn.push_back(key);
        }
        drop(state);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// The next thing in turn.
    pub(crate) fn pop(&self) -> Option<(SeatKey, Delivery)> {
        let mut state = self.lock();
        let State { seats, answers, turn } = &mut *state;
        while let Some(&key) = answers.front() {
            if let Some(delivery) = seats.get_mut(&key).and_then(Queue::pop_answer) {
                return Some((key, delivery));
            }
            answers.pop_front();
        }
        while let Some(key) = turn.pop_front() {
            let Some(queue) = seats.get_mut(&key) else { continue };
            let Some(delivery) = queue.pop_item(MAX_FRAME_BYTES) else { continue };
            if queue.has_items() {
                turn.push_back(key);
            }
            return Some((key, delivery));
        }
        None
    }

    /// Ready when something was put in since the last time. Cancel-safe; one waiter only.
    pub(crate) async fn filled(&self) {
        self.shared.filled.notified().await;
    }

    /// Drops the bytes that wait for a seat, because their link broke: they will be sent again.
    /// Answers where the seat stands, unless it is closed.
    pub(super) fn rewind(&self, key: SeatKey) -> Option<Position> {
        self.lock().seats.get_mut(&key).map(Queue::rewind)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that happens under the lock can leave the queues half changed.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
