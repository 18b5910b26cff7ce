//! Starting the shell of a reserved session: a worker is chosen, asked, and if it refuses the next
//! one is, until the time that a creation may wait for room is over.

use std::time::Duration;

use termfleet_proto::worker_v1 as pb;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ProjectId, SessionId, TenantId, WorkerId},
    limits::Size,
    record::{self, Session},
    role::Actor,
};
use termfleet_store::Storage;
use tokio::time::{self, Instant};

use super::{
    Upstream, called,
    placement::{Choice, Wish, choose},
    session, traced,
};

/// How long a creation waits for room (`cluster.md` §4).
const QUEUE_TIME: Duration = Duration::from_secs(2);
/// Creations that may wait at once. Whoever comes then is told at once.
pub(super) const QUEUED: usize = 256;
/// When to try again where there is no worker or no room: one may come, a session may end.
const RETRY_MS: u64 = 2_000;

/// What a session shall be like that is reserved and not yet started.
#[derive(Debug, Clone)]
pub struct Create {
    /// Its id.
    pub id: SessionId,
    /// Who asks, as signed in.
    pub actor: Actor,
    /// Where it will live.
    pub tenant: TenantId,
    /// Its project.
    pub project: ProjectId,
    /// The directory; absent: the project's own.
    pub project_path: Option<String>,
    /// Its first size.
    pub size: Size,
    /// Everything else, checked.
    pub config: record::Config,
    /// When it was reserved, milliseconds since 1970.
    pub reserved_at_ms: u64,
}

impl Upstream {
    /// Starts the shell of a reserved session; `host` is who has other sessions of its project.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` if no worker had room in time, `SERVICE_UNAVAILABLE` if there is none
    /// that would do, a worker's refusal, or why there was no answer.
    pub async fn create(
        &self,
        request: Create,
        host: Option<&WorkerId>,
    ) -> Result<Session, Refusal> {
        let deadline = Instant::now() + QUEUE_TIME;
        self.know(host, deadline).await;
        let seed = self.seed(&request)?;
        let backend = request.config.backend.clone();
        let (mut tried, mut last, mut queued) = (Vec::new(), None, None);
        let mut rounds = self.pool.rounds();
        loop {
            rounds.mark_unchanged();
            let begun = self.begun.at(&request.tenant, &request.project);
            let wish = Wish {
                labels: self.labels.clone(),
                backend: backend.as_deref(),
                host: host.or(begun.as_ref()),
                tried: &tried,
                seed: &seed,
            };
            let nobody = match choose(&self.pool.candidates(), &wish) {
                Choice::Worker(id) => match self.create_on(&id, &request).await {
                    Err(refusal) if is_for_the_next(refusal.code) => {
                        tracing::debug!(worker = %id, %refusal, "a worker did not take a session");
                        self.begun.forget(&request.tenant, &request.project, &id);
                        tried.push(id);
                        last = Some(refusal);
                        continue;
                    }
                    answer => return answer,
                },
                Choice::NoRoom => last.take().unwrap_or_else(no_room),
                Choice::NoWorker => last.take().unwrap_or_else(no_worker),
            };
            if queued.is_none() {
                queued = self.queue.try_acquire().ok();
            }
            let changed = time::timeout_at(deadline, rounds.changed());
            if queued.is_none() || !self.watched || changed.await.is_err() {
                return Err(nobody);
            }
            // Things are as they are said to be now: who was full may have room.
            tried.clear();
        }
    }

    /// By what its two workers are drawn: by its project, where that stays on one worker.
    fn seed(&self, request: &Create) -> Result<Vec<u8>, Refusal> {
        if self.stays_on_one_worker() {
            let project = format!("{}\0{}", request.tenant, request.project);
            return Ok(project.into_bytes());
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            tracing::error!(%error, "the operating system gave no randomness");
            Code::InternalError
        })?;
        Ok(random.to_vec())
    }

    /// Does it matter who hosts a project already? As long as no worker is known, it may.
    #[must_use]
    pub fn stays_on_one_worker(&self) -> bool {
        let storages = self.pool.storages();
        storages.is_empty() || storages.contains(&Storage::Local)
    }

    /// Who hosts a project has registered before its first session: if this gateway has not heard of
    /// it, it reads the listing once more before it decides that the worker is gone.
    async fn know(&self, host: Option<&WorkerId>, deadline: Instant) {
        let Some(host) = host.filter(|host| self.watched && self.pool.get(host).is_none()) else {
            return;
        };
        tracing::debug!(worker = %host, "a project's worker is not known here: looking again");
        let mut rounds = self.pool.rounds();
        self.pool.ask();
        // Without an answer in time the project goes on elsewhere.
        let _ = time::timeout_at(deadline, rounds.changed()).await;
    }

    async fn create_on(&self, worker: &WorkerId, request: &Create) -> Result<Session, Refusal> {
        let Some(member) = self.pool.get(worker) else {
            return Err(Code::ConnectionFailed.into());
        };
        self.begun.note(&request.tenant, &request.project, worker);
        let request = self.create_request(request.clone())?;
        let mut client = member.client_for_creation();
        let pb::CreateResponse { record } = called(client.create(traced(request))).await?;
        session(record)
    }

    fn create_request(&self, request: Create) -> Result<pb::CreateRequest, Refusal> {
        let Create { id, actor, tenant, project, project_path, size, config, reserved_at_ms } =
            request;
        // An administrator of every tenant creates in one: the worker is told which.
        let actor = Actor { tenant, ..actor };
        let capability = self.capability(&id, &actor)?;
        let record::Config {
            tab_name,
            shell,
            mode,
            size: _,
            environment,
            backend: _,
            labels,
            layout,
            theme,
            alias,
        } = config;
        Ok(pb::CreateRequest {
            session: id.to_string(),
            actor: Some((&actor).into()),
            capability,
            project: project.to_string(),
            project_path,
            shell,
            mode: mode.name().to_owned(),
            size: Some(size.into()),
            environment: environment.into_iter().collect(),
            tab_name,
            labels: labels.into_iter().collect(),
            layout,
            theme,
            alias: alias.map(|alias| alias.to_string()),
            reserved_at_ms,
        })
    }
}

/// What another worker may do though this one did not. One that may have started a shell without
/// our hearing of it is no danger: only one of two can commit it.
fn is_for_the_next(code: Code) -> bool {
    matches!(code, Code::ResourceExhausted | Code::ServiceUnavailable | Code::ConnectionFailed)
}

fn no_room() -> Refusal {
    Refusal::new(Code::ResourceExhausted, "every worker has all the sessions that it takes")
        .retry_after(RETRY_MS)
}

fn no_worker() -> Refusal {
    Refusal::new(Code::ServiceUnavailable, "there is no worker that could run this session")
        .retry_after(RETRY_MS)
}
