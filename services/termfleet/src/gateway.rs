//! `termfleet gateway`: one of several processes that clients connect to. It keeps nothing that a
//! reconnect to another one could not rebuild.

mod kubernetes;
mod pool;

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use serde_json::json;
use termfleet_gateway::{
    Gateway, Parts,
    upstream::{Choosing, Reach, Standings, Upstream},
};
use termfleet_runtime::{
    About, Admin, Drain, Metrics, Readiness, Signals, Tasks,
    readiness::{Gate, Mode},
};
use termfleet_token::{CapabilityKey, PrivateKey, ResumeKey, Verifier};
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{self, Usage},
    config::{self, Settings},
    hooks,
    listen::{Doors, Urls},
    redis, role,
    web::WebTerminal,
};

/// What runs here, for logs, metrics and the admin port.
const ABOUT: About = About { service: "gateway", version: env!("CARGO_PKG_VERSION") };
/// How long the first look for workers may take; without an answer it starts all the same, and says
/// that it is not ready.
const FIRST_LOOK: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &cli::Gateway) -> Result<()> {
    let settings = config::load(&options.source, options.flags())?;
    role::run(ABOUT, &settings.gateway.id, &settings, serve(options, &settings))
}

async fn serve(options: &cli::Gateway, settings: &Settings) -> Result<()> {
    let mut signals = Signals::listen()?;
    let (verifier, key) = (verifier(settings)?, signing_key(settings)?);
    let (resume, key) = (ResumeKey::derived(&key)?, CapabilityKey::new(key));
    let starter = pool::Starter::of(options, settings)?;
    let doors = Doors::open(&settings.server).await?;
    let (drain, tasks, stop) = (Drain::new(), Tasks::new(), CancellationToken::new());
    let readiness = Readiness::new(drain.clone());
    let mut metrics = Metrics::new(ABOUT);
    let store = redis::connect(settings, metrics.part("store")).await?;

    let upstream = Upstream::watch(store.clone(), choosing(settings), key, &tasks, &drain);
    let mut standings = upstream.standings();
    let pool = pool::Pool::start(starter, settings, &upstream, &tasks);
    let report = Report::new(&readiness);
    let parts = Parts {
        config: settings.gateway(ABOUT.version),
        verifier: Some(verifier),
        directory: store.clone(),
        bus: store.clone(),
        focus: store.clone(),
        tickets: store.clone(),
        messages: store.clone(),
        rates: store.clone(),
        sockets: store.clone(),
        sweeps: store,
        resume,
        hooks: hooks::start(settings, metrics.part("hooks"), &tasks, &drain),
        upstream,
        scaler: pool.scaler(),
        pages: Arc::new(WebTerminal),
        drain: drain.clone(),
    };
    let gateway = Gateway::new(parts, metrics.part("gateway"));
    let gateway = tasks.spawn("gateway", gateway.serve(doors.clients));
    let admin = Admin::new(ABOUT, readiness, metrics.export());
    tasks.spawn("admin", admin.serve(doors.admin, tasks.clone(), stop.clone()));

    let looked = standings.wait_for(|standings| standings.store);
    // Whoever waits for it sees at the admin port what it lacks.
    let _ = time::timeout(FIRST_LOOK, looked).await;
    let reporting = report.keep(standings);
    let ending = stop.clone();
    tasks.spawn("report", async move { ending.run_until_cancelled(reporting).await });
    announce(options, settings, &doors.urls)?;

    let signal = signals.next().await;
    tracing::info!(signal, "draining");
    drain.trigger();
    tokio::select! {
        _ = gateway => {}
        // Somebody who asks twice does not want to wait.
        _ = signals.next() => {}
    }
    pool.end().await;
    role::finish(&tasks, &stop).await;
    Ok(())
}

/// Who checks tokens: there is no cluster without.
fn verifier(settings: &Settings) -> Result<Verifier> {
    settings.auth.verifier.clone().ok_or_else(|| {
        anyhow!(Usage(
            "no key for tokens is configured: give auth.secret_file (HS256), or auth.algorithm and \
             auth.public_key_file; `termfleet keys --dir DIR` makes a secret"
                .into()
        ))
    })
}

/// What workers know this gateway's capabilities by, and gateways each other's resume tickets.
fn signing_key(settings: &Settings) -> Result<PrivateKey> {
    let pem = settings.cluster.signing_key.as_ref().ok_or_else(|| {
        anyhow!(Usage(
            "cluster.signing_key_file is not set: gateways sign what a worker may do for whom; \
             `termfleet keys --dir DIR` makes a pair, cluster.key for gateways and cluster.pub for \
             workers"
                .into()
        ))
    })?;
    let key = PrivateKey::from_pem(pem.reveal());
    key.map_err(|error| anyhow!(Usage(format!("cluster.signing_key: {error}"))))
}

fn choosing(settings: &Settings) -> Choosing {
    let reach = Reach {
        networks: settings.cluster.worker_networks.clone(),
        names: settings.cluster.worker_names.clone(),
    };
    Choosing { reach, labels: settings.gateway.worker_labels.clone() }
}

/// What the admin port says of the store and the workers. A gateway that has once seen its store
/// stays ready when that goes away, or its workers do: what is attached flows on, and no other
/// gateway would be better off.
struct Report {
    store: Gate,
    no_store: Mode,
    no_worker: Mode,
}

impl Report {
    fn new(readiness: &Readiness) -> Self {
        Self {
            store: readiness.gate("store"),
            no_store: readiness.mode("no_store"),
            no_worker: readiness.mode("no_worker"),
        }
    }

    async fn keep(self, mut standings: watch::Receiver<Standings>) {
        loop {
            let Standings { store, workers } = *standings.borrow_and_update();
            if store {
                self.store.set(true);
            }
            self.no_store.set(!store);
            self.no_worker.set(workers == 0);
            if standings.changed().await.is_err() {
                return;
            }
        }
    }
}

fn announce(options: &cli::Gateway, settings: &Settings, urls: &Urls) -> Result<()> {
    let (id, Urls { client, admin }) = (&settings.gateway.id, urls);
    let mut out = std::io::stdout().lock();
    if options.json {
        let line =
            json!({"event": "ready", "role": "gateway", "id": id, "url": client, "admin": admin});
        writeln!(out, "{line}").context("stdout")?;
    } else {
        writeln!(out, "Gateway {id} serves {client}; health and metrics: {admin}/healthz")?;
    }
    Ok(out.flush()?)
}
