//! The admin port, apart from the one that clients use. It answers GET and HEAD on
//!
//! | path | answer |
//! | --- | --- |
//! | `/livez` | 200 `ok` while the process runs: restart it when this fails |
//! | `/readyz` | JSON `{ready, draining, missing, modes}`: 200, or 503 while new work should go elsewhere |
//! | `/healthz` | 200, JSON `{status, service, version, uptimeSeconds, ready, draining, missing, modes}` |
//! | `/metrics` | all metrics as OpenMetrics text |
//!
//! and 404 on any other path, 405 to any other method. It serves through a drain, until it is told
//! to stop. It holds no secrets but is not authenticated: which address it listens on, and who
//! reaches that, is the operator's choice.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing,
};
use http::{StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use crate::{
    metrics::Exporter,
    readiness::{Readiness, Standing},
    tasks::Tasks,
};

/// How long a request's headers may take, also the first on an idle connection: probes and scrapers
/// come from nearby, and 10 s is the limit of the client port too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once: a few scrapers and probes. More wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 64;
/// Pause after a failed accept: it is almost always a lack of descriptors, which passes as
/// connections end; without a pause the loop would eat a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The role of the process: `gateway`, `worker`, `dev`, ….
    pub service: &'static str,
    /// The version of the build.
    pub version: &'static str,
}

/// The admin server's answers.
#[derive(Debug, Clone)]
pub struct Admin {
    about: About,
    readiness: Readiness,
    exporter: Exporter,
    started: Instant,
}

impl Admin {
    /// An admin server for this process, which started now.
    #[must_use]
    pub fn new(about: About, readiness: Readiness, exporter: Exporter) -> Self {
        Self { about, readiness, exporter, started: Instant::now() }
    }

    /// Answers on this listener until `stop`, then ends the open connections. Its connections are
    /// tasks of `tasks`, named `admin connection`.
    pub async fn serve(self, listener: TcpListener, tasks: Tasks, stop: CancellationToken) {
        let router = router(self);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Some(stream) = stop.run_until_cancelled(accept(&listener)).await {
            let place = Arc::clone(&places).acquire_owned();
            let Some(place) = stop.run_until_cancelled(place).await else { break };
            let (router, stop) = (router.clone(), stop.clone());
            tasks.spawn("admin connection", async move {
                let _place = place;
                connection(stream, router, stop).await;
            });
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => accept_failed(&error).await,
        }
    }
}

async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "the admin port could not accept a connection");
    time::sleep(ACCEPT_PAUSE).await;
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Answers are short and complete in memory: nothing is lost by dropping a connection at a stop.
    if let Some(Err(error)) = stop.run_until_cancelled(connection).await {
        tracing::debug!(%error, "an admin connection ended");
    }
}

fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", routing::get(|| async { "ok" }))
        .route("/readyz", routing::get(readyz))
        .route("/healthz", routing::get(healthz))
        .route("/metrics", routing::get(metrics))
        .with_state(admin)
}

/// The body of `/readyz`, and a part of `/healthz`.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    draining: bool,
    missing: Vec<&'static str>,
    modes: Vec<&'static str>,
}

impl From<Standing> for Ready {
    fn from(Standing { ready, draining, missing, modes }: Standing) -> Self {
        Self { ready, draining, missing, modes }
    }
}

/// The body of `/healthz`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    status: &'static str,
    service: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    #[serde(flatten)]
    ready: Ready,
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let ready = Ready::from(admin.readiness.standing());
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready)).into_response()
}

async fn healthz(State(admin): State<Admin>) -> Json<Health> {
    let ready = Ready::from(admin.readiness.standing());
    let status = match (ready.draining, ready.ready) {
        (true, _) => "draining",
        (false, true) => "ok",
        (false, false) => "waiting",
    };
    let About { service, version } = admin.about;
    let uptime_seconds = admin.started.elapsed().as_secs();
    Json(Health { status, service, version, uptime_seconds, ready })
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.exporter.text() {
        Ok(text) => ([(header::CONTENT_TYPE, Exporter::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
