//! The worker as a whole: what it is made of, taking over what the ptyhost holds, serving, ending.

use std::{io, sync::Arc, time::Duration};

use futures_util::Stream;
use prost::Message;
use termfleet_proto::worker_v1::{self as pb, worker_server::WorkerServer};
use termfleet_ptyhost::client::{Connected, HeldSession, PtyHostClient, Spawned};
use termfleet_runtime::{Drain, Part, Tasks};
use termfleet_session::{
    ids::Generation,
    record::{self, Counters, Owner},
    state::Status,
};
use termfleet_store::{Directory, StoreError, Workers};
use termfleet_token::CapabilityCheck;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::Connected as Peer};

use crate::{
    config::Config,
    create::{self, Prepared},
    grpc::{self, Service},
    metrics::Metrics,
    presence::{self, Offer},
    pump,
    registry::Registry,
    sample,
    session::{Session, Start},
    upkeep,
};

/// How often a silent gateway is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// How long it may take to answer. A gateway gives its worker 1 s, as clients wait for it to come
/// back; here only seats wait, and a machine under load must not lose its links for that.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a worker that ends looks whether creations are under way.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a worker is made of.
pub struct Parts {
    /// How it runs.
    pub config: Config,
    /// Its ptyhost.
    pub ptyhost: Connected,
    /// Where sessions are known.
    pub directory: Arc<dyn Directory>,
    /// Counts what the store has lost: then every session is asserted anew.
    pub losses: watch::Receiver<u64>,
    /// What gateways' capabilities are checked with.
    pub capabilities: CapabilityCheck,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// Tells that the process is going.
    pub drain: Drain,
}

/// Why a worker cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Another worker process has the ptyhost: exit, and touch nothing.
    Superseded,
    /// The ptyhost is gone, and every shell with it.
    PtyHostGone,
}

/// The sessions of one ptyhost, served to gateways. Clones share them.
#[derive(Clone)]
pub struct Worker {
    context: Arc<Context>,
    generation: Generation,
}

/// What every part of the worker shares.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) client: PtyHostClient,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) capabilities: CapabilityCheck,
    /// Who this worker is in the store.
    pub(crate) owner: Owner,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    pub(crate) drain: Drain,
    /// An administrator told it to take no new sessions.
    pub(crate) told_to_drain: watch::Sender<bool>,
    /// Links and sessions end by it.
    pub(crate) stop: CancellationToken,
    /// Why it cannot go on, once that is so.
    ended: watch::Sender<Option<Ended>>,
}

impl Context {
    /// Takes it no new sessions, because it ends or was told so?
    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_draining() || *self.told_to_drain.borrow()
    }

    /// Has another worker process taken over?
    pub(crate) fn is_superseded(&self) -> bool {
        *self.ended.borrow() == Some(Ended::Superseded)
    }

    /// It cannot go on. The first reason stands.
    pub(crate) fn end(&self, why: Ended) {
        self.ended.send_if_modified(|ended| ended.replace(ended.unwrap_or(why)).is_none());
        self.stop.cancel();
    }
}

impl Worker {
    /// Takes over what the ptyhost holds (same ids, processes, epochs, bytes, lanes), asserts it in
    /// the store, and starts to work.
    pub async fn start(parts: Parts, metrics: Part<'_>) -> Self {
        let Parts { config, ptyhost, directory, losses, capabilities, tasks, drain } = parts;
        let Connected { client, welcome, events } = ptyhost;
        let generation = welcome.generation;
        let owner =
            Owner { worker: config.worker.clone(), incarnation: welcome.incarnation.clone() };
        let context = Arc::new(Context {
            registry: Arc::new(Registry::new(config.capacity)),
            config,
            client,
            directory,
            capabilities,
            owner,
            metrics: Metrics::register(metrics),
            tasks,
            drain,
            told_to_drain: watch::Sender::new(false),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(None),
        });
        for held in welcome.sessions {
            adopt(&context, held).await;
        }
        let pumped = context.clone();
        context.tasks.spawn("pump", async move {
            if let Some(why) = pump::run(&pumped, events).await {
                pumped.end(why);
            }
        });
        context.tasks.spawn("upkeep", upkeep::run(context.clone(), losses));
        context.tasks.spawn("samples", sample::run(context.clone()));
        Self { context, generation }
    }

    /// Lists it for gateways, with its lease renewed, until it stops.
    pub fn list(&self, workers: Arc<dyn Workers>, offer: Offer) {
        let kept = presence::keep(self.context.clone(), self.generation, workers, offer);
        drop(self.context.tasks.spawn("presence", kept));
    }

    /// The gRPC service, for a server of the caller's own.
    #[must_use]
    pub fn service(&self) -> WorkerServer<Service> {
        WorkerServer::new(Service::new(self.context.clone()))
    }

    /// Serves gateways until the worker stops or ends. Whoever makes a TCP listener turns Nagle's
    /// algorithm off: it would cut a flood to 1/36.
    ///
    /// # Errors
    /// When the transport cannot serve at all.
    pub async fn serve<IO>(
        &self,
        incoming: impl Stream<Item = io::Result<IO>> + Send,
    ) -> Result<(), tonic::transport::Error>
    where
        IO: AsyncRead + AsyncWrite + Peer + Unpin + Send + 'static,
    {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_serving::<WorkerServer<Service>>().await;
        let drain = self.context.drain.child_token();
        let told = async move {
            drain.cancelled().await;
            reporter.set_not_serving::<WorkerServer<Service>>().await;
        };
        let stop = self.context.stop.clone();
        self.context.tasks.spawn("health", async move { stop.run_until_cancelled(told).await });
        Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            .trace_fn(grpc::span)
            .add_service(health)
            .add_service(self.service())
            .serve_with_incoming_shutdown(incoming, self.context.stop.cancelled())
            .await
    }

    /// Waits until the worker cannot go on.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.context.ended.subscribe();
        loop {
            if let Some(why) = *ended.borrow_and_update() {
                return why;
            }
            if ended.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Waits until the creations that were under way when the drain began have come to something.
    pub async fn settled(&self, at_most: Duration) {
        let waiting = async {
            while self.context.registry.is_starting() {
                time::sleep(LOOK_EVERY).await;
            }
        };
        if time::timeout(at_most, waiting).await.is_err() {
            tracing::warn!("a creation is left half-way: its shell goes if nobody committed it");
        }
    }

    /// Ends links and sessions' actors; shells run on in the ptyhost. For the end of the process,
    /// when the gateways are gone.
    pub fn stop(&self) {
        self.context.stop.cancel();
    }

    /// How many shells run.
    #[must_use]
    pub fn sessions(&self) -> usize {
        let all = self.context.registry.all();
        all.iter().filter(|session| session.feed().ended().is_none()).count()
    }
}

/// Takes over one session that the ptyhost holds.
async fn adopt(context: &Arc<Context>, held: HeldSession) {
    let HeldSession { session, epoch, pid, record, ring, limit, lanes, sizes, ended } = held;
    let decoded = pb::SessionRecord::decode(record).ok().map(record::Session::try_from);
    let Some(Ok(mut record)) = decoded else {
        tracing::error!(%session, "its record cannot be read: it ends");
        return create::undo(context, &session, epoch).await;
    };
    record.epoch = epoch;
    record.owner = Some(context.owner.clone());
    record.process_id = Some(pid);
    if let Some(newest) = sizes.last() {
        record.size = newest.size;
    }
    let bytes_in = lanes.iter().map(|lane| lane.marks.written.get()).sum();
    record.counters = Counters { bytes_in, bytes_out: ring.head().get() };
    match ended {
        Some(ended) => {
            record.status = Status::Closed;
            record.process_id = None;
            record.exit = Some(ended.exit);
        }
        None if record.status != Status::Suspended => record.status = Status::Active,
        None => {}
    }
    let Prepared { handle, feed, commands } =
        create::prepare(&record, Spawned { pid, ring }, sizes, limit);
    // An earlier process has counted what was printed until now.
    let _ = feed.grown();
    if let Some(ended) = ended {
        feed.end(ended, Status::Closed);
    }
    match context.directory.assert(record.clone()).await {
        Ok(stored) => record = stored,
        Err(error @ (StoreError::Superseded { .. } | StoreError::Ended)) if ended.is_none() => {
            tracing::info!(%error, %session, "somebody else's by now: it ends");
            return create::undo(context, &session, epoch).await;
        }
        // It is asserted again in its turn.
        Err(error) => tracing::warn!(%error, %session, "not asserted"),
    }
    context.registry.adopt(handle.clone());
    Session::start(context, Start { record, feed, handle, commands, adopted: true });
    tracing::info!(%session, %epoch, pid, "adopted");
}
