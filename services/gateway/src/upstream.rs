//! The way to the workers: unary calls for what happens once, and long-lived links, one per core
//! and worker, for everything that is live.
//!
//! It owns streams, reconnecting and re-attaching, capabilities, and fairness between sessions on
//! the way to a worker. Who may do what was decided before (`sessions`), and what a client is told
//! is decided after (`connection`).

mod attach;
mod inbox;
mod link;
mod outbox;
mod queue;
mod standing;

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    thread,
    time::Duration,
};

use termfleet_proto::{
    status,
    worker_v1::{self as pb, worker_client::WorkerClient},
};
use termfleet_runtime::{Drain, Tasks, clock, traces};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ProjectId, SessionId, TenantId, WorkerId},
    limits::Size,
    record::{self, Session},
    role::Actor,
};
use termfleet_token::CapabilityKey;
use tokio::{sync::watch, time};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

pub(crate) use self::{
    attach::{Attach, Attachment, Typed},
    inbox::{Answers, Delivery, Ending, Inbox, SeatKey, Snapshot, Token},
};
use self::{
    link::{Link, run},
    standing::{Standing, Tally},
};

/// How long a worker may take to answer a unary call: to start a shell on a loaded machine, or to
/// wait out the two seconds in which a session's processes die.
const CALL_TIME: Duration = Duration::from_secs(10);
/// When to ask again for a session whose worker is not known (yet).
const UNKNOWN_WORKER_RETRY_MS: u64 = 1_000;
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

/// The workers of a gateway.
#[derive(Debug)]
pub struct Upstream {
    workers: Vec<Worker>,
    key: CapabilityKey,
    hasher: RandomState,
    tally: Arc<Tally>,
}

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    client: WorkerClient<Channel>,
    links: Vec<Link>,
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
    /// Starts the links to these workers. They end when the process drains and nothing is attached
    /// any more.
    #[must_use]
    pub fn start(
        workers: Vec<WorkerEndpoint>,
        key: CapabilityKey,
        tasks: &Tasks,
        drain: &Drain,
    ) -> Arc<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let tally = Tally::new(workers.len());
        let workers =
            workers.into_iter().enumerate().map(|(at, WorkerEndpoint { id, channel })| {
                let client = WorkerClient::new(channel);
                let links = (0..cores).map(|_| {
                    let link = Link::new(key.clone());
                    let standing = Standing::new(&tally, at);
                    let running = run::run(link.clone(), client.clone(), standing, drain.clone());
                    // Its end is waited for with all other tasks.
                    drop(tasks.spawn("link", running));
                    link
                });
                let links = links.collect();
                Worker { id, client, links }
            });
        let workers = workers.collect();
        Arc::new(Self { workers, key, hasher: RandomState::new(), tally })
    }

    /// Whether every worker has a link now.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<bool> {
        self.tally.watch()
    }

    /// Starts the shell of a reserved session.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn create(&self, request: Create) -> Result<Session, Refusal> {
        let worker = self.workers.first().ok_or_else(unknown_worker)?;
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
        let request = pb::CreateRequest {
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
        };
        let mut client = worker.client.clone();
        let pb::CreateResponse { record } = called(client.create(traced(request))).await?;
        session(record)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn close(&self, record: &Session, actor: &Actor) -> Result<Session, Refusal> {
        let mut client = self.worker(record)?.client.clone();
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
        let mut client = self.worker(record)?.client.clone();
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
        let mut client = self.worker(record)?.client.clone();
        let request = pb::ResumeRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
        };
        let pb::ResumeResponse { record } = called(client.resume(traced(request))).await?;
        session(record)
    }

    /// The record with what only its worker knows: the newest directory and counters.
    ///
    /// # Errors
    /// The worker's refusal, or why there was no answer.
    pub async fn describe(&self, record: &Session, actor: &Actor) -> Result<Session, Refusal> {
        let mut client = self.worker(record)?.client.clone();
        let request = pb::DescribeRequest {
            session: record.id.to_string(),
            actor: Some(actor.into()),
            capability: self.capability(&record.id, actor)?,
        };
        let response = called(client.describe(traced(request))).await?;
        // CPU, memory and viewers belong to the metrics' interface.
        let pb::DescribeResponse { record, cpu_ms: _, memory_bytes: _, viewers: _ } = response;
        session(record)
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
        let links = &self.worker(record)?.links;
        // Always the same link for a session: its clients' frames keep their order among them.
        let at = self.hasher.hash_one(&record.id) as usize % links.len().max(1);
        let link = links.get(at).ok_or_else(unknown_worker)?;
        Ok(link.attach(attach, inbox, key))
    }

    fn worker(&self, record: &Session) -> Result<&Worker, Refusal> {
        let owner = record.owner.as_ref().ok_or_else(unknown_worker)?;
        self.workers.iter().find(|worker| worker.id == owner.worker).ok_or_else(unknown_worker)
    }

    fn capability(&self, session: &SessionId, actor: &Actor) -> Result<String, Refusal> {
        self.key.mint(session, actor, clock::now_unix()).map_err(|error| {
            tracing::error!(%error, "a capability could not be signed");
            Code::InternalError.into()
        })
    }
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
