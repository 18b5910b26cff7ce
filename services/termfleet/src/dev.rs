//! `termfleet dev`: gateway, worker and memory store in this process, and a ptyhost beside it that
//! outlives a crash. Here is the story of the process; its parts are below.

mod announce;
mod doors;
mod parts;

use std::{num::NonZeroUsize, time::Duration};

use anyhow::{Context, Result, bail};
use termfleet_runtime::{About, Admin, Drain, Metrics, Readiness, Signals, Tasks, logs};
use termfleet_worker::Ended;
use tokio_util::sync::CancellationToken;

use crate::{
    cli,
    config::{self, Settings},
    role,
    state::StateDir,
};
use parts::Running;

/// What runs here, for logs, metrics and the admin port.
const ABOUT: About = About { service: "dev", version: env!("CARGO_PKG_VERSION") };
/// What is logged where nobody says: whoever tries it sees the URL, and what goes wrong.
const DEFAULT_LOG: &str = "warn";
/// How long the last spans may take to reach their collector.
const TRACES_DEADLINE: Duration = Duration::from_secs(2);
/// How long tasks may take to end once everything is stopped: they only have to notice.
const TASKS_DEADLINE: Duration = Duration::from_secs(2);

/// What this `dev` was given.
#[derive(Clone, Copy)]
struct Given<'a> {
    options: &'a cli::Dev,
    settings: &'a Settings,
    state: &'a StateDir,
}

pub(crate) fn run(options: cli::Dev) -> Result<()> {
    let settings = config::load(&options.source, options.flags())?;
    let log = settings.telemetry.log.as_deref().unwrap_or(DEFAULT_LOG);
    let runtime = role::runtime(settings.server.threads.unwrap_or(NonZeroUsize::MIN))?;
    runtime.block_on(async {
        let traces = settings.telemetry.start_traces(ABOUT, &settings.gateway.id)?;
        logs::init_with(Some(log), settings.telemetry.log_format, traces.as_ref())
            .map_err(cli::wrong_log)?;
        settings.warn_of_pending();
        let served = serve(options, settings.clone()).await;
        if let Some(traces) = traces {
            traces.finish(TRACES_DEADLINE).await;
        }
        served
    })
}

async fn serve(options: cli::Dev, settings: Settings) -> Result<()> {
    let mut signals = Signals::listen()?;
    let state = StateDir::open(&options.state)?;
    let _lock = state.lock()?;
    let doors = doors::open(&settings.server).await?;

    let (drain, tasks, stop) = (Drain::new(), Tasks::new(), CancellationToken::new());
    let readiness = Readiness::new(drain.clone());
    let gate = readiness.gate("worker");
    let mut metrics = Metrics::new(ABOUT);
    let given = Given { options: &options, settings: &settings, state: &state };
    let running = parts::start(given, doors.clients, &mut metrics, &tasks, &drain)
        .await
        .context("cannot start")?;
    let admin = Admin::new(ABOUT, readiness, metrics.export());
    tasks.spawn("admin", admin.serve(doors.admin, tasks.clone(), stop.clone()));
    running.ready().await?;
    gate.set(true);
    announce::ready(given, &doors.urls)?;

    let outcome = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "ending");
            Ok(())
        }
        ended = running.worker.ended() => Err(ended),
    };
    let leaving = leave(running, &drain, outcome.is_ok());
    tokio::select! {
        () = leaving => {}
        // Somebody who asks twice does not want to wait.
        _ = signals.next() => {}
    }
    stop.cancel();
    if let Err(unfinished) = tasks.wait(TASKS_DEADLINE).await {
        tracing::warn!(%unfinished, "tasks were left");
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(Ended::PtyHostGone) => {
            bail!("the process that held the shells ended, and they with it; start again")
        }
        Err(Ended::Superseded) => {
            bail!("another process took over the shells of this state directory")
        }
    }
}

/// Clients are told to go, then the worker stops, so that it does not mourn the shells, which end
/// last (if they are ours to end).
async fn leave(running: Running, drain: &Drain, end_shells: bool) {
    drain.trigger();
    running.gateway.await.ok();
    running.worker.stop();
    if end_shells && let Err(error) = running.ptyhost.end().await {
        tracing::warn!(%error, "the ptyhost did not end");
    }
}
