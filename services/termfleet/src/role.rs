//! What the processes of a cluster have in common around their work: logs, spans and a runtime at
//! the start, the last tasks at the end.

use std::time::Duration;

use anyhow::Result;
use termfleet_runtime::{About, Tasks, logs};
use tokio_util::sync::CancellationToken;

use crate::{cli, config::Settings};

/// How long the last spans may take to reach their collector.
const TRACES_DEADLINE: Duration = Duration::from_secs(2);
/// How long tasks may take to end once everything is stopped: they only have to notice.
const TASKS_DEADLINE: Duration = Duration::from_secs(2);

/// Runs a process to its end.
pub(crate) fn run(
    about: About,
    id: &str,
    settings: &Settings,
    serve: impl Future<Output = Result<()>>,
) -> Result<()> {
    let telemetry = &settings.telemetry;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
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
