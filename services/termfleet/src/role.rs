//! What the processes of a cluster have in common around their work: logs, spans and a runtime at
//! the start, the last tasks at the end.

use std::{io, num::NonZeroUsize, thread, time::Duration};

use anyhow::Result;
use termfleet_runtime::{About, Tasks, logs};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::{cli, config::Settings};

/// How long the last spans may take to reach their collector.
const TRACES_DEADLINE: Duration = Duration::from_secs(2);
/// How long tasks may take to end once everything is stopped: they only have to notice.
const TASKS_DEADLINE: Duration = Duration::from_secs(2);

/// What drives a process' tasks.
///
/// # Errors
/// If the kernel gives no threads or descriptors.
pub(crate) fn runtime(threads: NonZeroUsize) -> io::Result<Runtime> {
    let mut builder = match threads.get() {
        // One thread that never hands its tasks to others.
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.get()).enable_all().build()
}

/// Runs a process to its end.
pub(crate) fn run(
    about: About,
    id: &str,
    settings: &Settings,
    serve: impl Future<Output = Result<()>>,
) -> Result<()> {
    let telemetry = &settings.telemetry;
    let threads = settings.server.threads.map_or_else(thread::available_parallelism, Ok);
    let runtime = runtime(threads.unwrap_or(NonZeroUsize::MIN))?;
    runtime.block_on(async {
        let traces = telemetry.start_traces(about, id)?;
        logs::init_with(telemetry.log.as_deref(), telemetry.log_format, traces.as_ref())
            .map_err(cli::wrong_log)?;
        settings.warn_of_pending();
        let served = serve.await;
        if let Some(traces) = traces {
            traces.finish(TRACES_DEADLINE).await;
        }
        served
    })
}

/// Ends what is left, and waits for it.
pub(crate) async fn finish(tasks: &Tasks, stop: &CancellationToken) {
    stop.cancel();
    if let Err(unfinished) = tasks.wait(TASKS_DEADLINE).await {
        tracing::warn!(%unfinished, "tasks were left");
    }
}
