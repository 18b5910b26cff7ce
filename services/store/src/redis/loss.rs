//! Losses: when Redis may not know any more what it was told.
//!
//! After every reconnection, and when the marker in Redis is gone or another, the number grows and
//! everybody who holds a truth writes it again (`Bus::losses`). Until they have, an id that is not
//! there may only not be there yet.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::failure::FAILOVER_MS;
use crate::error::StoreError;

/// How long after a loss an unknown id is answered with "try again": workers assert within 2 s of
/// hearing of it, and each process hears of it at its own time.
pub const GRACE: Duration = Duration::from_secs(10);

/// The count of losses, and since when.
#[derive(Debug)]
pub(super) struct Losses {
    count: watch::Sender<u64>,
    grace: Duration,
    // Held for one read or write of the value, never across an await.
    last: Mutex<Option<Instant>>,
}

impl Losses {
    pub(super) fn new(grace: Duration) -> Self {
        Self { count: watch::Sender::default(), grace, last: Mutex::default() }
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// Something may have been lost.
    pub(super) fn add(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.count.send_modify(|count| *count += 1);
    }

    /// Is what is unknown really unknown?
    pub(super) fn unknown(&self) -> Result<(), StoreError> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(last) if last.elapsed() < self.grace => {
                Err(StoreError::Unavailable { retry_after_ms: FAILOVER_MS })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    //! The time of grace, on a paused clock.

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_unknown_is_so_again_when_the_grace_is_over() {
        let losses = Losses::new(GRACE);
        assert_eq!(losses.unknown(), Ok(()), "nothing was lost yet");
        losses.add();
        let unsure = Err(StoreError::Unavailable { retry_after_ms: FAILOVER_MS });
        assert_eq!(losses.unknown(), unsure);
        tokio::time::advance(GRACE - Duration::from_millis(1)).await;
        assert_eq!(losses.unknown(), unsure);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(losses.unknown(), Ok(()));
        assert_eq!(*losses.watch().borrow(), 1);
    }
}
