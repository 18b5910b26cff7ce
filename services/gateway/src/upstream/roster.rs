//! The workers as administrators see them, and what is asked of one as a whole.

use std::ops::Bound;

use termfleet_proto::{rest::workers::Worker, worker_v1 as pb};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::WorkerId,
    role::Actor,
};

use super::{Upstream, called, traced};

impl Upstream {
    /// A page of the workers that this gateway knows, by name, and whether there are more.
    #[must_use]
    pub fn workers(&self, after: Option<&WorkerId>, limit: usize) -> (Vec<Worker>, bool) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = self.pool.from(from, limit.saturating_add(1));
        let more = page.len() > limit;
        page.truncate(limit);
        (page.iter().map(|member| member.shown()).collect(), more)
    }

    /// One of them.
    #[must_use]
    pub fn known(&self, id: &WorkerId) -> Option<Worker> {
        self.pool.get(id).map(|member| member.shown())
    }

    /// Live sessions on all workers, by their own word; none while that is not known: the listing
    /// could not be read the last time, or a worker says nothing of itself.
    #[must_use]
    pub fn load(&self) -> Option<u64> {
        if !self.watched || !self.standings.borrow().store {
            return None;
        }
        self.pool.everybody().iter().map(|member| member.load().map(u64::from)).sum()
    }

    /// Tells a worker to take no new sessions, or to take them again; answers how it stands then.
    ///
    /// # Errors
    /// `PROCESS_NOT_FOUND` if none of that name is known here, the worker's refusal, or why there
    /// was no answer.
    pub async fn drain(
        &self,
        id: &WorkerId,
        draining: bool,
        actor: &Actor,
    ) -> Result<Worker, Refusal> {
        let member = self.pool.get(id).ok_or_else(no_such_worker)?;
        let minted = self.key.mint_for_worker(id, actor, clock::now_unix());
        let capability = minted.map_err(|error| {
            tracing::error!(%error, "a capability could not be signed");
            Code::InternalError
        })?;
        let request = pb::DrainRequest { draining, actor: Some(actor.into()), capability };
        let mut client = member.client();
        let pb::DrainResponse { draining } = called(client.drain(traced(request))).await?;
        member.told_draining(draining);
        Ok(member.shown())
    }
}

/// What whoever names one is told.
pub(crate) fn no_such_worker() -> Refusal {
    Refusal::new(Code::ProcessNotFound, "no worker of that name is known here")
}
