//! What is measured, for clients: a session, this gateway, and what is above its threshold.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing};
use termfleet_proto::rest::{
    Problem,
    measures::{Alerts, OneSessionMeasured, SetThresholds, SystemMeasured},
};
use termfleet_session::code::Code;

use super::{
    Answer,
    extract::{Body, Caller, Name},
};
use crate::edge::Edge;

/// The routes.
pub(super) fn router() -> Router<Arc<Edge>> {
    Router::new()
        .route("/api/terminal/metrics/sessions/{id}", routing::get(session))
        .route("/api/terminal/metrics/system", routing::get(system))
        .route("/api/terminal/alerts", routing::get(alerts).put(set_alerts))
}

/// Measure a session: its bytes, what its processes use, who watches. What its worker does not say
/// within a second is absent.
#[utoipa::path(
    get, path = "/api/terminal/metrics/sessions/{id}", tag = "metrics",
    params(("id" = String, Path, description = "The session's id or alias")),
    responses(
        (status = 200, description = "What is known of it", body = OneSessionMeasured),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn session(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
) -> Answer<Json<OneSessionMeasured>> {
    let metrics = edge.sessions.measure(&caller.actor, &name).await?;
    Ok(Json(OneSessionMeasured { metrics }))
}

/// Measure the gateway that answers: its newest sample, and those of the last hour.
#[utoipa::path(
    get, path = "/api/terminal/metrics/system", tag = "metrics",
    responses(
        (status = 200, description = "Samples, the newest apart", body = SystemMeasured),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn system(State(edge): State<Arc<Edge>>, Caller(_): Caller) -> Answer<Json<SystemMeasured>> {
    let history = edge.vitals.history();
    // The first sample is taken before anybody can ask.
    let metrics = history.last().cloned().ok_or(Code::InternalError)?;
    let interval = edge.config.monitoring.sample_interval.as_millis();
    Ok(Json(SystemMeasured {
        metrics,
        history,
        interval_ms: u64::try_from(interval).unwrap_or(u64::MAX),
        instance: edge.config.instance.clone(),
    }))
}

/// List what is above its threshold at the gateway that answers, and the thresholds.
#[utoipa::path(
    get, path = "/api/terminal/alerts", tag = "metrics",
    responses(
        (status = 200, description = "Alerts and thresholds", body = Alerts),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn alerts(State(edge): State<Arc<Edge>>, Caller(_): Caller) -> Json<Alerts> {
    answer(&edge)
}

/// Set the thresholds of the gateway that answers, until it ends: these and no others. Those of all
/// gateways, for good, are `monitoring.alert_thresholds` in their configuration.
#[utoipa::path(
    put, path = "/api/terminal/alerts", tag = "metrics",
    request_body = SetThresholds,
    responses(
        (status = 200, description = "Alerts and thresholds as they are now", body = Alerts),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: it takes an administrator of every tenant", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn set_alerts(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Body(SetThresholds { thresholds }): Body<SetThresholds>,
) -> Answer<Json<Alerts>> {
    edge.for_operators(&caller.actor)?;
    edge.vitals.set(&thresholds)?;
    tracing::info!(user = %caller.actor.user, ?thresholds, "thresholds of alerts were set");
    Ok(answer(&edge))
}

fn answer(edge: &Edge) -> Json<Alerts> {
    let (alerts, thresholds) = edge.vitals.alerts();
    Json(Alerts { alerts, thresholds, instance: edge.config.instance.clone() })
}
