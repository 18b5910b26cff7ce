//! The way to the workers: unary calls for what happens once, and long-lived links, one per core
//! and worker, for everything that is live.
//!
//! It owns which workers there are, placement, streams, reconnecting and re-attaching, capabilities,
//! and fairness between sessions on the way to a worker. Who may do what was decided before (`sessions`), and what a client is told
//! is decided after (`connection`).

mod attach;
mod begun;
mod create;
mod placement;
mod sweep;

mod health;
mod member;
mod metrics;
mod pool;
mod reach;
mod roster;
mod standing;

mod inbox;
mod link;
mod outbox;
mod queue;

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    thread,
    time::Duration,
};

use termfleet_proto::{status, worker_v1 as pb};
use termfleet_runtime::{Drain, Tasks, clock, traces};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{SessionId, WorkerId},
    record::Session,
    role::Actor,
};
use termfleet_store::Workers;
use termfleet_token::{CapabilityKey, MintError};
use tokio::{
    sync::{Semaphore, watch},
    time,
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

pub(crate) use self::{
    attach::{Attach, Attachment, Typed},
    inbox::{Answers, Delivery, Ending, Inbox, SeatKey, Snapshot, Token},
    roster::no_such_worker,
};
use self::{
    begun::Begun,
    member::{Member, Way},
    pool::{Kit, Pool},
    standing::Tally,
};
pub use self::{create::Create, metrics::UpstreamMetrics, pool::Standings, reach::Reach};

/// How long a worker may take to answer a unary call: to start a shell on a loaded machine, or to
/// wait out the two seconds in which a session's processes die.
const CALL_TIME: Duration = Duration::from_secs(10);
/// When to ask again for a session whose worker is not known (yet).
const UNKNOWN_WORKER_RETRY_MS: u64 = 1_000;
/// How long an unknown worker is looked for before its client is told.
const MEET_TIME: Duration = Duration::from_secs(1);
/// HTTP/2 keep-alive on links, sent also while idle, and how long its answer may take: the defaults
/// are off and 20 s, which would notice a dead peer long after recovery should be over.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// What one stream may have in flight: links are drained at once, so this only has to cover the
/// bandwidth-delay product between two machines of one site.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// A worker and the way to it.
#[derive(Debug, Clone)]
pub struct WorkerEndpoint {
    /// Its lasting name, as session records give it.
    pub id: WorkerId,
    /// The connection; see [`tuned`].
    pub channel: Channel,
}

/// What a worker knows of a session.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its record.
    pub record: Session,
    /// Processor time of its processes so far, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Resident memory of its processes.
    pub memory_bytes: Option<u64>,
    /// Clients attached.
    pub viewers: u32,
}

/// Which rows of those that have left a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Only those before this one; the newest if absent.
    pub before: Option<u64>,
    /// At most so many.
    pub lines: u32,
    /// Without escape sequences.
    pub plain: bool,
}

/// The workers of a gateway.
#[derive(Debug)]
pub struct Upstream {
    pool: Arc<Pool>,
    key: CapabilityKey,
    hasher: RandomState,
    tally: Arc<Tally>,
    metrics: UpstreamMetrics,
    standings: watch::Sender<Standings>,
    /// The pool changes as the store's listing does.
    watched: bool,
    /// Labels that workers must have to be given sessions.
    labels: BTreeMap<String, String>,
    begun: Begun,
    /// Places for creations that wait for room.
    queue: Semaphore,
}

/// Which workers a gateway uses.
#[derive(Debug, Clone, Default)]
pub struct Choosing {
    /// Where workers may be.
    pub reach: Reach,
    /// Labels that a worker must have to be given sessions; those that it has are reached in any
    /// case.
    pub labels: BTreeMap<String, String>,
}

/// Sets what a connection to a worker needs: no Nagle delay, keep-alive within a second even while
/// idle, and windows that one busy session cannot fill.
#[must_use]
pub fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}

impl Upstream {
    /// Starts the links to these workers, which stay these. They end when the process drains and
    /// nothing is attached any more.
    #[must_use]
    pub fn start(
        workers: Vec<WorkerEndpoint>,
        key: CapabilityKey,
        tasks: &Tasks,
        drain: &Drain,
    ) -> Arc<Self> {
        let upstream = Self::new(key, tasks, drain, Choosing::default(), false);
        for WorkerEndpoint { id, channel } in workers {
            upstream.pool.add(&id, Way::Given(channel));
        }
        Arc::new(upstream)
    }

    /// Reaches whichever workers are listed, until the process drains.
    #[must_use]
    pub fn watch(
        workers: Arc<dyn Workers>,
        choosing: Choosing,
        key: CapabilityKey,
        tasks: &Tasks,
        drain: &Drain,
    ) -> Arc<Self> {
        let upstream = Self::new(key, tasks, drain, choosing, true);
        let (pool, standings) = (Arc::clone(&upstream.pool), upstream.standings.clone());
        let keeping = pool::keep(pool, workers, standings, upstream.metrics.clone());
        drop(tasks.spawn("workers", keeping));
        Arc::new(upstream)
    }

    fn new(
        key: CapabilityKey,
        tasks: &Tasks,
        drain: &Drain,
        choosing: Choosing,
        watched: bool,
    ) -> Self {
        let metrics = UpstreamMetrics::default();
        let tally = Arc::new(Tally::new(metrics.reconnects.clone()));
        let kit = Kit {
            key: key.clone(),
            tasks: tasks.clone(),
            drain: drain.clone(),
            tally: Arc::clone(&tally),
            links: thread::available_parallelism().map_or(1, usize::from),
        };
        let Choosing { reach, labels } = choosing;
        Self {
            pool: Pool::new(kit, reach),
            key,
            hasher: RandomState::new(),
            tally,
            metrics,
            standings: watch::Sender::default(),
            watched,
            labels,
            begun: Begun::default(),
            queue: Semaphore::new(create::QUEUED),
        }
    }

    /// What is counted of the workers.
    #[must_use]
    pub fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    /// How the last look at the listing went.
    #[must_use]
    pub fn standings(&self) -> watch::Receiver<Standings> {
        self.standings.subscribe()
    }

    /// Whether every worker has a link now.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<bool> {
        self.tally.watch()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn close(&self, record: &Session, actor: &Actor) -> Result<Session, Refusal> {
        let mut client = self.worker(record)?.client();
        let request = pb::CloseRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
        };
        let pb::CloseResponse { record } = called(client.close(traced(request))).await?;
        session(record)
    }

    /// Stops a session's processes; one that is stopped already stays so.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn suspend(&self, record: &Session, actor: &Actor) -> Result<Session, Refusal> {
        let mut client = self.worker(record)?.client();
        let request = pb::SuspendRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
        };
        let pb::SuspendResponse { record } = called(client.suspend(traced(request))).await?;
        session(record)
    }

    /// Continues a session's processes; one that runs already goes on.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn resume(&self, record: &Session, actor: &Actor) -> Result<Session, Refusal> {
        let mut client = self.worker(record)?.client();
        let request = pb::ResumeRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
        };
        let pb::ResumeResponse { record } = called(client.resume(traced(request))).await?;
        session(record)
    }

    /// What only its worker knows of a session: the newest directory and counters, and what its
    /// processes use.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn describe(&self, record: &Session, actor: &Actor) -> Result<Described, Refusal> {
        let mut client = self.worker(record)?.client();
        let request = pb::DescribeRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
        };
        let response = called(client.describe(traced(request))).await?;
        let pb::DescribeResponse { record, cpu_ms, memory_bytes, viewers } = response;
        Ok(Described { record: session(record)?, cpu_ms, memory_bytes, viewers })
    }

    /// Reads a session's screen, shown as asked for.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn screen(
        &self,
        record: &Session,
        actor: &Actor,
        format: pb::ScreenFormat,
    ) -> Result<pb::ScreenResponse, Refusal> {
        let mut client = self.worker(record)?.client();
        let request = pb::ScreenRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
            format: format.into(),
        };
        called(client.screen(traced(request))).await
    }

    /// Reads rows that have left a session's screen.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn history(
        &self,
        record: &Session,
        actor: &Actor,
        rows: Rows,
    ) -> Result<pb::HistoryResponse, Refusal> {
        let mut client = self.worker(record)?.client();
        let request = pb::HistoryRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
            before: rows.before,
            lines: rows.lines,
            plain: rows.plain,
        };
        called(client.history(traced(request))).await
    }

    /// Takes a seat at a session for a socket; the answer comes to its inbox.
    ///
    /// # Errors
    /// If the session's worker is not known.
    pub(crate) fn attach(
        &self,
        record: &Session,
        attach: Attach,
        inbox: &Inbox,
        key: SeatKey,
    ) -> Result<Attachment, Refusal> {
        // Always the same link for a session: its clients' frames keep their order among them.
        let number = self.hasher.hash_one(&record.id);
        let worker = self.worker(record)?;
        worker.attach(number, attach, inbox, key).ok_or_else(unknown_worker)
    }

    /// Looks again, for a moment, if the worker of this session is not known here: it may have come
    /// since the listing was last read.
    pub(crate) async fn meet(&self, record: &Session) {
        if !self.watched || !record.status.is_alive() || self.worker(record).is_ok() {
            return;
        }
        let mut rounds = self.pool.rounds();
        self.pool.ask();
        // Whether it is known then shows when it is asked.
        let _ = time::timeout(MEET_TIME, rounds.changed()).await;
    }

    fn worker(&self, record: &Session) -> Result<Arc<Member>, Refusal> {
        let owner = record.owner.as_ref().ok_or_else(unknown_worker)?;
        self.pool.get(&owner.worker).ok_or_else(unknown_worker)
    }

    fn capability(&self, session: &SessionId, actor: &Actor) -> Result<String, Refusal> {
        signed(self.key.mint(session, actor, clock::now_unix()))
    }
}

fn signed(capability: Result<String, MintError>) -> Result<String, Refusal> {
    capability.map_err(|error| {
        tracing::error!(%error, "a capability could not be signed");
        Code::InternalError.into()
    })
}

fn unknown_worker() -> Refusal {
    Refusal::new(Code::ServiceUnavailable, "the session's worker is not known here")
        .retry_after(UNKNOWN_WORKER_RETRY_MS)
}

/// A call that goes on with the present span at the worker.
fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let traceparent = traces::traceparent().and_then(|text| text.parse().ok());
    if let Some(traceparent) = traceparent {
        request.metadata_mut().insert(traces::TRACEPARENT, traceparent);
    }
    request
}

async fn called<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Refusal> {
    match time::timeout(CALL_TIME, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(failed)) => {
            tracing::debug!(error = %failed, "a worker refused or failed");
            Err(status::from_status(&failed))
        }
        Err(_) => Err(Code::ConnectionTimeout.into()),
    }
}

fn session(record: Option<pb::SessionRecord>) -> Result<Session, Refusal> {
    let record = record.map(Session::try_from);
    record.and_then(Result::ok).ok_or_else(|| {
        tracing::error!("a worker answered with a record that means nothing");
        Code::InternalError.into()
    })
}
