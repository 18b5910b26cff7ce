//! Rates that hold over the whole cluster (`security.md` §4): so much of something in a period, by
//! GCRA. The store's own clock counts, so that gateways whose clocks differ count alike.
//!
//! Nothing is kept for whoever is at rest: a rate is one time, and it is forgotten once it has passed.

use std::time::Duration;

use async_trait::async_trait;
use termfleet_session::ids::{TenantId, UserId};

use crate::error::StoreError;

/// Counts that all who share the store share.
#[async_trait]
pub trait Rates: Send + Sync {
    /// Takes this much of what the scope may have, or nothing of it. More than a burst can never be
    /// had at once: it is taken as the whole burst.
    ///
    /// A call whose answer is lost may have taken: that errs on the side of the limit.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn take(&self, scope: &Scope, rate: Rate, cost: u32) -> Result<Taken, StoreError>;
}

/// What is limited, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Which limit.
    pub limit: &'static str,
    /// Where the user is.
    pub tenant: TenantId,
    /// Whose count it is.
    pub user: UserId,
}

/// What came of taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was there.
    Yes,
    /// It was not, and nothing was taken: it is there after this time, unless somebody else takes it.
    Wait(Duration),
}

/// How much there is, and how fast it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval_us: u64,
    burst: u32,
}

impl Rate {
    /// So many in a period, all of which may come at once. None is taken as one: a limit of nothing
    /// would be a service for nobody. More than one a microsecond is taken as that.
    #[must_use]
    pub fn new(count: u32, period: Duration) -> Self {
        let period_us = u64::try_from(period.as_micros()).unwrap_or(u64::MAX);
        let count = count.max(1);
        Self { interval_us: period_us.div_ceil(count.into()).max(1), burst: count }
    }

    /// The same with another number that may come at once, one or more.
    #[must_use]
    pub fn with_burst(self, burst: u32) -> Self {
        Self { burst: burst.max(1), ..self }
    }

    /// The time in which one comes back.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_micros(self.interval_us)
    }

    /// How many may come at once.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// The time in which a whole burst comes back.
    pub(crate) fn burst_us(&self) -> u64 {
        self.interval_us.saturating_mul(self.burst.into())
    }

    /// The time in which this much comes back.
    pub(crate) fn cost_us(&self, cost: u32) -> u64 {
        self.interval_us.saturating_mul(cost.min(self.burst).into())
    }
}
