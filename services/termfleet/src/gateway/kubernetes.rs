//! Workers as the pods of a StatefulSet (`cluster.pool_driver = "kubernetes"`, `cluster.md` §4).
//!
//! More of them is one change of the scale subresource. Fewer takes as long as their sessions do:
//! the wanted number is noted on the StatefulSet, the workers beyond it are told to take no new
//! sessions, and the highest pod goes whenever it is empty, which is the one that a StatefulSet
//! ends first. Every gateway of the driver looks after that, whichever of them was asked, and what
//! one of them does twice or too late does no harm: every change names the version that was read.

mod api;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use termfleet_gateway::{scale::Scaler, upstream::Upstream};
use termfleet_proto::rest::workers::{ScaledPool, WorkerState};
use termfleet_session::{
    code::{Code, Refusal},
    ids::WorkerId,
};
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub(super) use self::api::Api;
use self::api::{ApiError, StatefulSet};
use super::pool::{SETTLED, actor};
use crate::config::Kubernetes;

/// How often is looked whether somebody has to be drained, or can go.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A worker that was not there for so long has no sessions that anybody could come back to
/// (`cluster.worker_grace_ms`).
const GONE: Duration = Duration::from_secs(60);
/// How often a change is tried again that came too late.
const ATTEMPTS: usize = 5;
/// When to ask again for what the API server did not answer.
const RETRY_MS: u64 = 2_000;

/// The pool.
pub(super) struct Pods {
    api: Api,
    /// The StatefulSet's name, which its pods' names start with.
    set: String,
    upstream: Arc<Upstream>,
}

/// What is known of a worker that shall go, by its pod's number.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    /// It knows that it takes nothing new, since then.
    Told(Instant),
    /// It is not there, since then.
    Away(Instant),
}

impl Pods {
    pub(super) fn new(api: Api, kubernetes: &Kubernetes, upstream: &Arc<Upstream>) -> Arc<Self> {
        Arc::new(Self { api, set: kubernetes.set.clone(), upstream: upstream.clone() })
    }

    /// Brings to its end what any gateway was asked for.
    pub(super) async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut turns = time::interval(LOOK_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut leaving, mut failing) = (BTreeMap::new(), false);
        while stop.run_until_cancelled(turns.tick()).await.is_some() {
            let looked = self.look(&mut leaving).await;
            match &looked {
                Err(error) if !failing => {
                    tracing::error!(%error, set = self.set, "the pool cannot be looked after");
                }
                Ok(()) if failing => {
                    tracing::info!(set = self.set, "the pool is looked after again")
                }
                _ => {}
            }
            failing = looked.is_err();
        }
    }

    async fn look(&self, leaving: &mut BTreeMap<u32, Leaving>) -> Result<(), ApiError> {
        let set = self.api.read().await?;
        let Some(left) = set.shrinking_to else {
            leaving.clear();
            return Ok(());
        };
        if set.replicas <= left {
            tracing::info!(set = self.set, workers = set.replicas, "the pool has shrunk");
            return late_is_well(self.api.note(&set, None).await.map(|_| ()));
        }
        if !self.upstream.standings().borrow().store {
            // What is known of them is old.
            return Ok(());
        }
        leaving.retain(|number, _| (left..set.replicas).contains(number));
        for number in left..set.replicas {
            self.let_go(&set, number, leaving).await;
        }
        let highest = set.replicas - 1;
        if self.is_free(&set, highest, leaving) {
            tracing::info!(worker = %self.name(&set, highest), "an empty worker ends");
            return late_is_well(self.api.scale(&set, highest).await);
        }
        Ok(())
    }

    /// Sees to it that a worker knows that it takes nothing new.
    async fn let_go(&self, set: &StatefulSet, number: u32, leaving: &mut BTreeMap<u32, Leaving>) {
        let now = Instant::now();
        let state = self.id(set, number).and_then(|id| Some((self.upstream.known(&id)?.state, id)));
        let next = match (state, leaving.get(&number)) {
            (None | Some((WorkerState::Unreachable, _)), Some(Leaving::Away(since))) => {
                Some(Leaving::Away(*since))
            }
            (None | Some((WorkerState::Unreachable, _)), _) => Some(Leaving::Away(now)),
            (Some((WorkerState::Draining, _)), Some(told @ Leaving::Told(_))) => Some(*told),
            // Nobody told it, another gateway did, or it has been started anew.
            (Some((_, id)), _) => {
                self.drain(&id, true).await.then(|| Leaving::Told(Instant::now()))
            }
        };
        match next {
            Some(next) => leaving.insert(number, next),
            None => leaving.remove(&number),
        };
    }

    /// Is it certain that nobody's session is on this worker?
    fn is_free(&self, set: &StatefulSet, number: u32, leaving: &BTreeMap<u32, Leaving>) -> bool {
        let known = self.id(set, number).and_then(|id| self.upstream.known(&id));
        match leaving.get(&number) {
            Some(Leaving::Told(since)) => {
                since.elapsed() >= SETTLED && known.is_some_and(|worker| worker.load == Some(0))
            }
            Some(Leaving::Away(since)) => since.elapsed() >= GONE,
            None => false,
        }
    }

    /// Tells a worker whether it takes new sessions. Who cannot be asked now is asked again.
    async fn drain(&self, id: &WorkerId, draining: bool) -> bool {
        let Some(actor) = actor() else { return false };
        match self.upstream.drain(id, draining, &actor).await {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(worker = %id, %error, "not told yet");
                false
            }
        }
    }

    async fn try_scale(&self, wanted: u32) -> Result<ScaledPool, ApiError> {
        let mut set = self.api.read().await?;
        if wanted < set.replicas {
            set = self.api.note(&set, Some(wanted)).await?;
        } else {
            if set.shrinking_to.is_some() {
                set = self.api.note(&set, None).await?;
            }
            if wanted > set.replicas {
                self.api.scale(&set, wanted).await?;
            }
        }
        tracing::info!(set = self.set, from = set.replicas, to = wanted, "the pool changes");
        for number in 0..set.replicas {
            let Some(id) = self.id(&set, number) else { continue };
            let goes = number >= wanted;
            let draining = self.upstream.known(&id).map(|worker| worker.state);
            // Who stays takes sessions, also if it was told to leave before.
            if goes || draining == Some(WorkerState::Draining) {
                self.drain(&id, goes).await;
            }
        }
        let draining = set.replicas.saturating_sub(wanted);
        Ok(ScaledPool { wanted, running: wanted, draining })
    }

    fn name(&self, set: &StatefulSet, number: u32) -> String {
        format!("{}-{}", self.set, u64::from(set.first) + u64::from(number))
    }

    /// What the worker in the n-th pod is called: as its pod.
    fn id(&self, set: &StatefulSet, number: u32) -> Option<WorkerId> {
        self.name(set, number).parse().ok()
    }
}

#[async_trait]
impl Scaler for Pods {
    async fn scale(&self, wanted: u32) -> Result<ScaledPool, Refusal> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.try_scale(wanted).await {
                Ok(scaled) => return Ok(scaled),
                Err(ApiError::Changed) if attempts < ATTEMPTS => {}
                Err(error) => return Err(refusal(&error)),
            }
        }
    }
}

fn refusal(error: &ApiError) -> Refusal {
    tracing::error!(%error, "the pool was not scaled");
    match error {
        ApiError::Refused(..) => Refusal::new(
            Code::CommandRejected,
            format!(
                "{error}. The gateway's service account must be allowed to get and patch the \
                 StatefulSet cluster.kubernetes_set and to patch its scale"
            ),
        ),
        ApiError::Changed | ApiError::Unreachable(_) => {
            Refusal::new(Code::ServiceUnavailable, error.to_string()).retry_after(RETRY_MS)
        }
    }
}

/// Another gateway was faster.
fn late_is_well(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(ApiError::Changed) => Ok(()),
        result => result,
    }
}
