//! Governor on the runtime's clock, so that tests can pause it.

use std::time::Duration;

use governor::clock::Clock;
use tokio::time::Instant;

/// Time since a fixed moment.
#[derive(Debug, Clone)]
pub(super) struct SinceStart(Instant);

impl SinceStart {
    /// Time from now on.
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// How much has passed.
    pub(super) fn read(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Clock for SinceStart {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.read()
    }
}
