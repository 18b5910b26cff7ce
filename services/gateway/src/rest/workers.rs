//! The workers, for administrators of every tenant: which there are, which of them takes no new
//! sessions, and how many there shall be.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing};
use http::StatusCode;
use termfleet_proto::rest::{
    Problem,
    workers::{OneWorker, ScalePool, ScaledPool, WorkerPage},
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::WorkerId,
    role::Actor,
};

use super::{
    Answer,
    extract::{Body, Caller, Name, Paged, Query},
};
use crate::{edge::Edge, problem::Refused, scale::MOST_WORKERS, upstream::no_such_worker};

/// The routes.
pub(super) fn router() -> Router<Arc<Edge>> {
    Router::new()
        .route("/api/terminal/workers", routing::get(list))
        .route("/api/terminal/workers/{id}/drain", routing::post(drain).delete(undo))
        .route("/api/terminal/workers/scale", routing::post(scale))
}

/// List the workers that the gateway which answers knows, by name.
#[utoipa::path(
    get, path = "/api/terminal/workers", tag = "workers",
    params(Paged),
    responses(
        (status = 200, description = "A page of them", body = WorkerPage),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: it takes an administrator of every tenant", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Query(paged): Query<Paged>,
) -> Answer<Json<WorkerPage>> {
    edge.for_operators(&caller.actor)?;
    let (after, limit) = (paged.after_name()?, paged.limit()?);
    let (workers, more) = edge.upstream.workers(after.as_ref(), limit);
    let last = workers.last().map(|worker| worker.id.clone());
    Ok(Json(WorkerPage { workers, next_cursor: last.filter(|_| more) }))
}

/// Tell a worker to take no new sessions; those that it has go on. Asking again is fine. It holds
/// until it is undone or the worker's process ends.
#[utoipa::path(
    post, path = "/api/terminal/workers/{id}/drain", tag = "workers",
    params(("id" = String, Path, description = "The worker, `[A-Za-z0-9._-]{1,64}`")),
    responses(
        (status = 200, description = "The worker as it is now", body = OneWorker),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: it takes an administrator of every tenant", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "PROCESS_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED: the worker could not be asked", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "CONNECTION_TIMEOUT: the worker did not answer", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn drain(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
) -> Answer<Json<OneWorker>> {
    tell(&edge, &caller.actor, &name, true).await
}

/// Let a worker take new sessions again. One whose process is ending stays as it is.
#[utoipa::path(
    delete, path = "/api/terminal/workers/{id}/drain", tag = "workers",
    params(("id" = String, Path, description = "The worker, `[A-Za-z0-9._-]{1,64}`")),
    responses(
        (status = 200, description = "The worker as it is now", body = OneWorker),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: it takes an administrator of every tenant", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "PROCESS_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED: the worker could not be asked", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "CONNECTION_TIMEOUT: the worker did not answer", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn undo(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
) -> Answer<Json<OneWorker>> {
    tell(&edge, &caller.actor, &name, false).await
}

/// Say how many workers there shall be, where the answering gateway starts them itself
/// (`cluster.pool_driver`). More are started at once. Those that are too many take no new sessions,
/// and end once they have none.
#[utoipa::path(
    post, path = "/api/terminal/workers/scale", tag = "workers",
    request_body = ScalePool,
    responses(
        (status = 200, description = "How the pool stands; new workers may not be ready yet", body = ScaledPool),
        (status = 400, description = "BAD_MESSAGE: `workers` must be 1 to 64", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN: it takes an administrator of every tenant", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "COMMAND_REJECTED: this gateway starts no workers", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE: the gateway ends", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn scale(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Body(ScalePool { workers }): Body<ScalePool>,
) -> Answer<Json<ScaledPool>> {
    edge.for_operators(&caller.actor)?;
    if !(1..=MOST_WORKERS).contains(&workers) {
        let text = format!("workers must be 1 to {MOST_WORKERS}");
        return Err(Refusal::new(Code::BadMessage, text).into());
    }
    let pool = edge.scaler.scale(workers).await.map_err(|refusal| match refusal.code {
        // Administrators may: it is this gateway that cannot.
        Code::CommandRejected => Refused::with_status(refusal, StatusCode::CONFLICT),
        _ => refusal.into(),
    })?;
    tracing::info!(user = %caller.actor.user, ?pool, "the pool was told how many there shall be");
    Ok(Json(pool))
}

async fn tell(edge: &Edge, actor: &Actor, name: &str, draining: bool) -> Answer<Json<OneWorker>> {
    edge.for_operators(actor)?;
    let id: WorkerId = name.parse().map_err(|_| no_such_worker())?;
    let worker = edge.upstream.drain(&id, draining, actor).await?;
    tracing::info!(user = %actor.user, worker = %id, draining, "a worker was told");
    Ok(Json(OneWorker { worker }))
}
