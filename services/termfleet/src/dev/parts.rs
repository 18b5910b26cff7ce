//! The parts of `dev`, put together: ptyhost, store, worker, and the gateway that reaches the worker
//! through memory.

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use hyper_util::rt::TokioIo;
use termfleet_gateway::{
    Config as GatewayConfig, Gateway, Parts as GatewayParts,
    scale::StaticPool,
    upstream::{self, Upstream, WorkerEndpoint},
};
use termfleet_ptyhost::client::PtyHostClient;
use termfleet_runtime::{Drain, Metrics, Tasks};
use termfleet_session::ids::WorkerId;
use termfleet_store::{Bus, MemoryStore};
use termfleet_token::{CapabilityKey, Key, ResumeKey, Verifier, VerifierConfig};
use termfleet_worker::{Config as WorkerConfig, Parts as WorkerParts, ProjectRoots, Worker};
use tokio::{
    io::DuplexStream,
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::task::TaskTracker;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::{ABOUT, Given};
use crate::{
    holder::{self, Holding},
    hooks,
    web::WebTerminal,
};

/// The project of whoever names none.
pub(super) const DEFAULT_PROJECT: &str = "default";
/// What the worker of `dev` is called.
const WORKER: &str = "dev";
/// How often records and the ptyhost's copies of them are made equal. The store dies with `dev`, so
/// that a renamed tab survives a crash only once the ptyhost has it.
const ASSERT_EVERY: Duration = Duration::from_secs(2);
/// How long shells live on without any `dev` (`byte-lane.md` §9).
const ORPHAN_AFTER: Duration = Duration::from_secs(60);
/// How long the gateway's link to its own worker may take to stand.
const LINK_DEADLINE: Duration = Duration::from_secs(10);
/// How long clients may take to leave when `dev` ends: their page is on this machine.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// Bytes on their way between gateway and worker, each way: what a socket's buffers would hold.
const LINK_BYTES: usize = 256 << 10;
/// Connections that may wait for the worker to take them: its gateway makes one.
const CONNECTIONS: usize = 4;

/// What runs.
pub(super) struct Running {
    /// Sessions.
    pub(super) worker: Worker,
    /// The process that holds the shells.
    pub(super) ptyhost: PtyHostClient,
    /// Ends when the gateway has drained.
    pub(super) gateway: JoinHandle<()>,
    standing: watch::Receiver<bool>,
}

impl Running {
    /// Waits until the gateway reaches the worker.
    pub(super) async fn ready(&self) -> Result<()> {
        let mut standing = self.standing.clone();
        let stands = tokio::time::timeout(LINK_DEADLINE, standing.wait_for(|stands| *stands));
        stands.await.context("the gateway does not reach the worker")??;
        Ok(())
    }
}

pub(super) async fn start(
    given: Given<'_>,
    clients: Vec<TcpListener>,
    metrics: &mut Metrics,
    tasks: &Tasks,
    drain: &Drain,
) -> Result<Running> {
    let Given { settings, state, .. } = given;
    let holding = Holding { ring_bytes: settings.streaming.ring_bytes, orphan_after: ORPHAN_AFTER };
    let connected = holder::hold(state, holding, &TaskTracker::new()).await?;
    let ptyhost = connected.client.clone();
    let store = Arc::new(MemoryStore::new());
    // Gateway and worker are this process: nobody else ever needs to check a capability.
    let capabilities = CapabilityKey::generate()?;
    let parts = WorkerParts {
        config: worker_config(given)?,
        ptyhost: connected,
        directory: store.clone(),
        losses: store.losses(),
        capabilities: capabilities.check(),
        tasks: tasks.clone(),
        drain: drain.clone(),
    };
    let worker = Worker::start(parts, metrics.part("worker")).await;
    let (channel, incoming) = way_to_worker();
    serve_worker(&worker, incoming, tasks);

    let endpoint = WorkerEndpoint { id: worker_id()?, channel };
    let upstream = Upstream::start(vec![endpoint], capabilities, tasks, drain);
    let standing = upstream.standing();
    let parts = GatewayParts {
        config: gateway_config(given),
        verifier: verifier(given)?,
        directory: store.clone(),
        bus: store.clone(),
        focus: store.clone(),
        tickets: store.clone(),
        messages: store.clone(),
        rates: store.clone(),
        sockets: store.clone(),
        sweeps: store,
        // Nobody else ever needs to know a ticket of this process.
        resume: ResumeKey::generate()?,
        hooks: hooks::start(settings, metrics.part("hooks"), tasks, drain),
        upstream,
        scaler: Arc::new(StaticPool),
        pages: Arc::new(WebTerminal),
        drain: drain.clone(),
    };
    let gateway = Gateway::new(parts, metrics.part("gateway"));
    let gateway = tasks.spawn("gateway", gateway.serve(clients));
    Ok(Running { worker, ptyhost, gateway, standing })
}

fn worker_id() -> Result<WorkerId> {
    Ok(WORKER.parse()?)
}

fn worker_config(given: Given<'_>) -> Result<WorkerConfig> {
    let Given { settings, state, .. } = given;
    let here = match &settings.process.cwd {
        Some(directory) => directory.clone(),
        None => std::env::current_dir().context("the current directory is gone")?,
    };
    let roots = ProjectRoots::new(state.projects()).with(DEFAULT_PROJECT.parse()?, here);
    Ok(WorkerConfig {
        worker: worker_id()?,
        assert_every: ASSERT_EVERY,
        ..settings.worker(std::env::vars(), roots)
    })
}

/// The gateway's way to the worker, and what comes in by it.
fn way_to_worker() -> (Channel, impl Stream<Item = io::Result<DuplexStream>>) {
    let (connections, incoming) = mpsc::channel(CONNECTIONS);
    // The URI is never resolved: the connector makes both ends.
    let endpoint = upstream::tuned(Endpoint::from_static("http://worker"));
    let connector = service_fn(move |_| {
        let connections = connections.clone();
        async move {
            let (near, far) = tokio::io::duplex(LINK_BYTES);
            connections.send(far).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
            io::Result::Ok(TokioIo::new(near))
        }
    });
    (endpoint.connect_with_connector_lazy(connector), ReceiverStream::new(incoming).map(Ok))
}

fn serve_worker(
    worker: &Worker,
    incoming: impl Stream<Item = io::Result<DuplexStream>> + Send + 'static,
    tasks: &Tasks,
) {
    let worker = worker.clone();
    tasks.spawn("worker", async move {
        if let Err(error) = worker.serve(incoming).await {
            tracing::error!(%error, "the worker's port failed");
        }
    });
}

fn gateway_config(given: Given<'_>) -> GatewayConfig {
    // Without tokens the gateway itself keeps to loopback, whatever is configured.
    GatewayConfig {
        instance: WORKER.to_owned(),
        drain_deadline: DRAIN_DEADLINE,
        ..given.settings.gateway(ABOUT.version)
    }
}

fn verifier(given: Given<'_>) -> Result<Option<Verifier>> {
    if given.options.no_auth {
        return Ok(None);
    }
    if let Some(configured) = &given.settings.auth.verifier {
        return Ok(Some(configured.clone()));
    }
    let key = Key::hs256(None, &given.state.signing_key()?)?;
    Ok(Some(Verifier::new(VerifierConfig::new(vec![key]))?))
}
