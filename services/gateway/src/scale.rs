//! How many workers there are, asked of whoever starts and ends them (`cluster.md` §4).
//!
//! [`Scaler`] is the trait; how workers are started is the business of whoever puts a gateway
//! together. [`StaticPool`] is for pools that somebody else looks after.

use async_trait::async_trait;
use termfleet_proto::rest::workers::ScaledPool;
use termfleet_session::code::{Code, Refusal};

/// Most workers that a pool can be scaled to: a gateway starts them on its own machine, where more
/// would only share its cores.
pub const MOST_WORKERS: u32 = 64;

/// Who starts and ends workers.
#[async_trait]
pub trait Scaler: Send + Sync {
    /// Makes it so many workers, 1 to [`MOST_WORKERS`]. It answers once new ones are started, and
    /// those that are too many were told to take no new sessions; they end once they have none.
    ///
    /// # Errors
    /// `COMMAND_REJECTED` if workers are not this gateway's to start, `SERVICE_UNAVAILABLE` while it
    /// ends.
    async fn scale(&self, wanted: u32) -> Result<ScaledPool, Refusal>;
}

/// The workers are those that somebody starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaticPool;

#[async_trait]
impl Scaler for StaticPool {
    async fn scale(&self, _: u32) -> Result<ScaledPool, Refusal> {
        Err(Refusal::new(
            Code::CommandRejected,
            "this gateway starts no workers: start or stop them yourself, or run `termfleet gateway` \
             with cluster.pool_driver = \"process\" or \"kubernetes\"",
        ))
    }
}
