//! The pongs that are due: what the reader heard and the writer has yet to answer.
//!
//! A client that pings and never reads must not cost memory, and a reader must never wait for a
//! writer. So the queue is short, and the newest pings win: RFC 6455 §5.5.3 lets an end answer
//! only the most recent one.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// Pongs kept: a burst of pings is answered one by one, as some clients count on it.
const PONGS: usize = 16;

/// The queue, shared by the two halves of a socket. The lock is held for one push or take.
#[derive(Debug, Clone, Default)]
pub(super) struct Pongs(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    due: Mutex<VecDeque<Bytes>>,
    heard: Notify,
}

impl Pongs {
    /// Adds the answer to a ping; the oldest goes when there are too many.
    pub(super) fn push(&self, payload: Bytes) {
        let mut due = self.due();
        if due.len() == PONGS {
            due.pop_front();
        }
        due.push_back(payload);
        drop(due);
        self.0.heard.notify_one();
    }

    /// Takes the answers that are due now, oldest first: a bounded number, also while a reader on
    /// another core goes on hearing pings.
    pub(super) fn take(&self) -> VecDeque<Bytes> {
        mem::take(&mut *self.due())
    }

    /// Ready when an answer is due; cancel-safe.
    pub(super) async fn heard(&self) {
        while self.due().is_empty() {
            self.0.heard.notified().await;
        }
    }

    fn due(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        // The queue is whole between any two statements that hold the lock.
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! What is kept of many pings.
    use super::{Bytes, PONGS, Pongs};

    #[test]
    fn the_newest_pings_win() {
        let pongs = Pongs::default();
        for at in 0..PONGS + 3 {
            pongs.push(Bytes::from(vec![u8::try_from(at).unwrap_or(u8::MAX)]));
        }
        let left: Vec<u8> = pongs.take().iter().map(|pong| pong[0]).collect();
        assert_eq!(left, (3..u8::try_from(PONGS + 3).unwrap_or(0)).collect::<Vec<_>>());
    }
}
