//! The REST interface below `/api/terminal`, and its description at `/openapi.json`.
//!
//! A handler reads, asks `sessions` and answers; what a refusal looks like is `problem`'s business.
//! Everybody signs in before anything else of their request is read.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing,
};
use http::{HeaderValue, Method, StatusCode, header};
use termfleet_proto::rest::{CreateSession, Done, OneSession, PatchSession, Problem, SessionPage};
use termfleet_session::record::Session;
use termfleet_store::Listing;

use self::extract::{Body, Caller, Mine, Name, Query, Repeatable};
use crate::{edge::Edge, openapi, problem::Refused};

mod extract;
pub(crate) mod focus;
pub(crate) mod measures;
pub(crate) mod projects;
pub(crate) mod screen;
pub(crate) mod tickets;
pub(crate) mod workers;

/// A handler's answer.
type Answer<T> = Result<T, Refused>;

/// The routes, with problems for everything that is none.
pub(crate) fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/api/terminal/sessions", routing::post(create).get(list_mine))
        .route("/api/terminal/sessions/{id}", routing::get(read).patch(patch).delete(close))
        .merge(focus::router())
        .merge(projects::router())
        .merge(screen::router())
        .route("/api/terminal/tickets", routing::post(tickets::issue))
        .merge(measures::router())
        .merge(workers::router())
        .route("/openapi.json", routing::get(description))
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .with_state(edge)
}

/// Start a session.
#[utoipa::path(
    post, path = "/api/terminal/sessions", tag = "sessions",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters: the same request with the same key, within 10 minutes, makes one session")),
    request_body = CreateSession,
    responses(
        (status = 201, description = "It runs", body = OneSession),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN, PATH_NOT_ALLOWED", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "PATH_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "SESSION_ALREADY_EXISTS: the alias is taken, or the key was used for another request", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "SESSION_LIMIT_EXCEEDED, RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "SESSION_CREATION_FAILED, PROCESS_SPAWN_FAILED, CONNECTION_FAILED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "RESOURCE_EXHAUSTED, SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn create(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Repeatable(key): Repeatable,
    Body(request): Body<CreateSession>,
) -> Answer<(StatusCode, Json<OneSession>)> {
    let session = edge.sessions.create_once(&caller.actor, request, key).await?;
    Ok((StatusCode::CREATED, one(&edge, &session).await))
}

/// List my sessions, oldest first.
#[utoipa::path(
    get, path = "/api/terminal/sessions", tag = "sessions",
    params(Mine),
    responses(
        (status = 200, description = "A page of them", body = SessionPage),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_mine(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Query(mine): Query<Mine>,
) -> Answer<Json<SessionPage>> {
    let page = mine.page()?;
    let listing = edge.sessions.list_mine(&caller.actor, mine.project_id.as_ref(), &page).await?;
    Ok(shown(&edge, &listing).await)
}

/// Read a session's record, with its shell's newest directory and counters.
#[utoipa::path(
    get, path = "/api/terminal/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session's id or alias")),
    responses(
        (status = 200, description = "The record", body = OneSession),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn read(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
) -> Answer<Json<OneSession>> {
    let session = edge.sessions.get(&caller.actor, &name).await?;
    Ok(one(&edge, &session).await)
}

/// Change a session's tab name, layout, theme or labels; what is absent stays.
#[utoipa::path(
    patch, path = "/api/terminal/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session's id or alias")),
    request_body = PatchSession,
    responses(
        (status = 200, description = "The record as it is now", body = OneSession),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "SESSION_ENDED", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn patch(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
    Body(patch): Body<PatchSession>,
) -> Answer<Json<OneSession>> {
    let session = edge.sessions.patch(&caller.actor, &name, patch).await?;
    Ok(one(&edge, &session).await)
}

/// End a session: all its processes are gone two seconds later at most.
#[utoipa::path(
    delete, path = "/api/terminal/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session's id or alias")),
    responses(
        (status = 200, description = "It has ended", body = Done),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn close(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
) -> Answer<Json<Done>> {
    edge.sessions.close(&caller.actor, &name).await?;
    Ok(Json(Done { success: true }))
}

/// The description needs no token: it says nothing that the documentation does not.
async fn description() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], openapi::text()).into_response()
}

/// The router adds which methods there are, in `Allow`.
async fn wrong_method(method: Method) -> Refused {
    let text = format!("{method} is not a method of this resource");
    Refused::request(StatusCode::METHOD_NOT_ALLOWED, &text)
}

async fn no_route() -> Refused {
    no_such_route()
}

/// What is answered where nothing is.
pub(crate) fn no_such_route() -> Refused {
    Refused::request(StatusCode::NOT_FOUND, "there is nothing at this address")
}

async fn one(edge: &Edge, session: &Session) -> Json<OneSession> {
    Json(OneSession { session: edge.sessions.shown_one(session).await })
}

async fn shown(edge: &Edge, listing: &Listing) -> Json<SessionPage> {
    let sessions = edge.sessions.shown(&listing.sessions).await;
    Json(SessionPage { sessions, next_cursor: listing.next.as_ref().map(ToString::to_string) })
}
