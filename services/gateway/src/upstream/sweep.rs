//! Asking all workers to end what is idle.

use futures_util::{StreamExt, stream};
use termfleet_proto::worker_v1 as pb;
use termfleet_runtime::clock;
use termfleet_session::{code::Refusal, ids::WorkerId};

use super::{Upstream, called, member::Member, signed, traced};

/// Workers that are asked at once.
const AT_ONCE: usize = 16;

impl Upstream {
    /// Asks every worker that is known to end the sessions that nobody has watched or used for so
    /// long; how many end. A worker that gives no answer is asked in the next sweep.
    pub(crate) async fn sweep(&self, idle_ms: u64) -> u32 {
        let asked = self.pool.all().into_iter().map(async |(id, member)| {
            let answer = self.sweep_one(&id, &member, idle_ms).await;
            answer.unwrap_or_else(|refusal| {
                tracing::debug!(worker = %id, code = refusal.code.name(), "a worker was not swept");
                0
            })
        });
        let ended = stream::iter(asked).buffer_unordered(AT_ONCE);
        ended.fold(0, async |all: u32, ended| all.saturating_add(ended)).await
    }

    async fn sweep_one(
        &self,
        worker: &WorkerId,
        member: &Member,
        idle_ms: u64,
    ) -> Result<u32, Refusal> {
        let capability = signed(self.key.mint_sweep(worker, idle_ms, clock::now_unix()))?;
        let request = traced(pb::SweepRequest { idle_ms, capability });
        let pb::SweepResponse { ended } = called(member.passing_client().sweep(request)).await?;
        Ok(ended)
    }
}
