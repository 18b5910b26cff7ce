//! Idle sessions: one gateway at a time asks every worker to end them (`cluster.md` §3).
//!
//! Which gateway that is, the sweep lease in the store decides, for one round and its time. Nobody
//! renews it: whoever comes first when it is over takes the next, so that a gateway that dies with it
//! delays nothing. Which sessions are idle, their workers know.

use std::{sync::Arc, time::Duration};

use data_encoding::BASE32_NOPAD;
use termfleet_store::{Lease, Sweeps};
use tokio::time::{self, Instant};

use crate::{edge::Edge, upstream::Upstream};

/// How soon a store that gave no answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Random bytes of a holder's name: two gateways may have been given the same one.
const NAME_BYTES: usize = 10;

/// When sessions are idle, and how often they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// How long a session lives that nobody watches or uses.
    pub timeout: Duration,
    /// Time between two sweeps.
    pub interval: Duration,
}

impl Default for Idle {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30 * 60), interval: Duration::from_secs(60) }
    }
}

/// Who can end what is idle.
trait Sweeper {
    /// Ends what has been idle for so long; how many sessions that is.
    fn sweep(&self, idle_ms: u64) -> impl Future<Output = u32> + Send;
}

impl Sweeper for Upstream {
    async fn sweep(&self, idle_ms: u64) -> u32 {
        Self::sweep(self, idle_ms).await
    }
}

/// One gateway's turns.
struct Turns<'a, S> {
    leases: &'a dyn Sweeps,
    sweeper: &'a S,
    idle: Idle,
    holder: String,
}

/// Sweeps whenever it is this gateway's turn, until the drain begins.
pub(crate) async fn keep(edge: Arc<Edge>) {
    let Some(holder) = holder(&edge.config.instance) else { return };
    let (leases, sweeper, idle) = (&*edge.sweeps, &*edge.upstream, edge.config.idle);
    let turns = Turns { leases, sweeper, idle, holder };
    edge.drain.child_token().run_until_cancelled(turns.take_all()).await;
    // Others need not wait for its end; without an answer they do.
    if let Err(error) = edge.sweeps.leave_sweep(&turns.holder).await {
        tracing::debug!(%error, "the sweep lease was not given back");
    }
}

impl<S: Sweeper> Turns<'_, S> {
    async fn take_all(&self) {
        loop {
            let next = self.take().await;
            time::sleep_until(next).await;
        }
    }

    /// Sweeps if the lease is to be had; answers when to try again.
    async fn take(&self) -> Instant {
        let (began, interval) = (Instant::now(), self.idle.interval);
        match self.leases.take_sweep(&self.holder, millis(interval)).await {
            Ok(Lease::Mine) => {
                self.sweep(began + interval).await;
                began + interval
            }
            Ok(Lease::Taken { for_ms }) => began + Duration::from_millis(for_ms).min(interval),
            Err(error) => {
                tracing::debug!(%error, "the sweep lease cannot be asked for");
                began + ASK_AGAIN.min(interval)
            }
        }
    }

    /// Never longer than the lease, so that no two sweep at once.
    async fn sweep(&self, until: Instant) {
        let sweep = self.sweeper.sweep(millis(self.idle.timeout));
        match time::timeout_at(until, sweep).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "idle sessions end"),
            Err(_) => tracing::warn!("a sweep took too long; the next one goes on"),
        }
    }
}

fn holder(instance: &str) -> Option<String> {
    let mut random = [0; NAME_BYTES];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::error!(%error, "the operating system gave no randomness: no sweeps here");
        return None;
    }
    Some(format!("{instance}/{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
