//! `termfleet worker`: the sessions of one ptyhost, served to gateways. The process may end at any
//! time; the ptyhost holds the shells, and the next one goes on with them.

use std::{
    io::{self, Write},
    net::SocketAddr,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::json;
use termfleet_runtime::{About, Admin, Drain, Metrics, Readiness, Signals, Tasks};
use termfleet_store::Bus;
use termfleet_token::{CapabilityCheck, PublicKey};
use termfleet_worker::{Ended, Offer, Parts, ProjectRoots, Worker};
use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::{self, Usage},
    config::{self, Settings},
    holder::{self, Holding},
    listen::listen,
    redis, role,
    state::StateDir,
};

/// What runs here, for logs, metrics and the admin port.
const ABOUT: About = About { service: "worker", version: env!("CARGO_PKG_VERSION") };
/// The state directory's name, unless one is configured.
const STATE: &str = "termfleet-worker";
/// How long shells live on without a worker (`byte-lane.md` §9).
const ORPHAN_AFTER: Duration = Duration::from_secs(600);
/// How long creations that are under way may take when it is told to end.
const LAST_CREATIONS: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &cli::Worker) -> Result<()> {
    let settings = config::load(&options.source, options.flags())?;
    role::run(ABOUT, settings.worker.id.as_str(), &settings, serve(options, &settings))
}

async fn serve(options: &cli::Worker, settings: &Settings) -> Result<()> {
    let mut signals = Signals::listen()?;
    if options.end_with_stdin {
        end_with_stdin()?;
    }
    let capabilities = check(settings)?;
    private(settings)?;
    let state = StateDir::at(settings.worker.state_dir.as_deref(), STATE)?;
    let _lock = state.lock()?;
    let door = listen("worker.listen", settings.worker.listen).await?;
    let admin_door = listen("--admin-listen", settings.server.admin_listen).await?;
    let address = door.local_addr()?;
    let admin_url = format!("http://{}", admin_door.local_addr()?);

    let (drain, tasks, stop) = (Drain::new(), Tasks::new(), CancellationToken::new());
    let readiness = Readiness::new(drain.clone());
    let mut metrics = Metrics::new(ABOUT);
    let store = redis::connect(settings, metrics.part("store")).await?;
    let holding = Holding { ring_bytes: settings.streaming.ring_bytes, orphan_after: ORPHAN_AFTER };
    let ptyhost = holder::hold(&state, holding, &TaskTracker::new()).await?;
    let parts = Parts {
        config: settings.worker(std::env::vars(), ProjectRoots::new(state.projects())),
        ptyhost,
        directory: store.clone(),
        losses: store.losses(),
        capabilities,
        tasks: tasks.clone(),
        drain: drain.clone(),
    };
    let worker = Worker::start(parts, metrics.part("worker")).await;
    tasks.spawn("worker", port(worker.clone(), door));
    worker.list(store, offer(settings, address));
    let admin = Admin::new(ABOUT, readiness, metrics.export());
    tasks.spawn("admin", admin.serve(admin_door, tasks.clone(), stop.clone()));
    announce(options, settings, address, &admin_url)?;

    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, sessions = worker.sessions(), "ending; the shells live on");
            None
        }
        ended = worker.ended() => Some(ended),
    };
    drain.trigger();
    if ended.is_none() {
        worker.settled(LAST_CREATIONS).await;
    }
    worker.stop();
    role::finish(&tasks, &stop).await;
    match ended {
        None => Ok(()),
        Some(Ended::PtyHostGone) => {
            bail!("the process that held the shells ended, and they with it; start again")
        }
        Some(Ended::Superseded) => bail!("another process took over the shells of this worker"),
    }
}

/// Whoever started it has the other end of its stdin. When they are gone, however that came about, it
/// ends as if it had been told to.
fn end_with_stdin() -> Result<()> {
    let reading = || {
        // Nothing is ever written to it.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_process(getpid(), Signal::TERM);
    };
    // No task of the runtime, which would wait for the read when it ends.
    thread::Builder::new().name("stdin".into()).spawn(reading).context("cannot watch stdin")?;
    Ok(())
}

/// What checks capabilities.
pub(crate) fn check(settings: &Settings) -> Result<CapabilityCheck> {
    let pem = settings.cluster.verify_key.as_ref().ok_or_else(|| {
        anyhow!(Usage(
            "cluster.verify_key_file is not set: it is the public half of the gateways' key; \
             `termfleet keys --dir DIR` makes a pair"
                .into()
        ))
    })?;
    let keys = PublicKey::all_from_pem(pem).and_then(|keys| CapabilityCheck::new(&keys));
    keys.map_err(|error| anyhow!(Usage(format!("cluster.verify_key: {error}"))))
}

/// Without TLS, everything that is typed and printed can be read on the way.
fn private(settings: &Settings) -> Result<()> {
    let address = settings.worker.listen;
    ensure!(
        address.ip().is_loopback() || settings.cluster.plaintext,
        Usage(format!(
            "worker.listen {address}: gateways and workers talk without TLS; where their network is \
             private already, say so with cluster.plaintext=true"
        ))
    );
    Ok(())
}

fn offer(settings: &Settings, address: SocketAddr) -> Offer {
    let worker = &settings.worker;
    Offer {
        address: worker.advertise.clone().unwrap_or_else(|| address.to_string()),
        labels: worker.labels.clone(),
        storage: worker.storage,
    }
}

async fn port(worker: Worker, door: TcpListener) {
    let incoming = TcpListenerStream::new(door).map(|accepted| {
        let stream = accepted?;
        // Nagle's algorithm would cut a flood to 1/36.
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    if let Err(error) = worker.serve(incoming).await {
        tracing::error!(%error, "the worker's port failed");
    }
}

fn announce(
    options: &cli::Worker,
    settings: &Settings,
    address: SocketAddr,
    admin: &str,
) -> Result<()> {
    let id = &settings.worker.id;
    let mut out = io::stdout().lock();
    if options.json {
        let line = json!({
            "event": "ready",
            "role": "worker",
            "id": id,
            "address": address,
            "admin": admin,
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(
            out,
            "Worker {id} serves gateways on {address}; health and metrics: {admin}/healthz"
        )?;
    }
    Ok(out.flush()?)
}
