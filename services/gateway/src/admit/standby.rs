//! Standing in for a store that does not answer: a limit of the whole cluster is then each gateway's
//! own (`docs/decisions`), because a request that would work otherwise must not fail for its count.
//!
//! Once the store has failed it is left alone for as long as it said, so that nobody waits for it
//! with every request.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use termfleet_store::StoreError;
use tokio::time::Instant;

/// When a store is asked again that did not say when.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whether a limit's own count stands in for the store's.
#[derive(Debug)]
pub(super) struct Standby {
    limit: &'static str,
    /// Decisions that were this gateway's own.
    decided: Counter,
    /// When the store may be asked again, while it does not answer. Held for a look alone.
    until: Mutex<Option<Instant>>,
}

impl Standby {
    pub(super) fn new(limit: &'static str, decided: Counter) -> Self {
        Self { limit, decided, until: Mutex::default() }
    }

    /// Is it in vain to ask the store now?
    pub(super) fn stands_in(&self) -> bool {
        self.lock().is_some_and(|until| until > Instant::now())
    }

    /// What the store answered, if it did; it is noted whether it does.
    pub(super) fn heard<T>(&self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                if self.lock().take().is_some() {
                    tracing::info!(limit = self.limit, "the limit holds over the cluster again");
                }
                Some(answer)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// The gateway decided by itself.
    pub(super) fn decided(&self) {
        self.decided.inc();
    }

    fn failed(&self, error: &StoreError) {
        let pause = match error {
            StoreError::Unavailable { retry_after_ms } => Duration::from_millis(*retry_after_ms),
            _ => ASK_AGAIN,
        };
        if self.lock().replace(Instant::now() + pause).is_none() {
            tracing::warn!(
                limit = self.limit,
                %error,
                "the store does not answer: each gateway counts for itself until it does"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
