//! Focus over REST.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing};
use http::StatusCode;
use termfleet_proto::{
    focus::{FocusAnswer, FocusChange, FocusState, PutFocus, SetFocus},
    rest::Problem,
};

use super::{
    Answer,
    extract::{Body, Caller, Name},
    projects::named,
};
use crate::{edge::Edge, problem::Refused};

/// The routes.
pub(super) fn router() -> Router<Arc<Edge>> {
    Router::new()
        .route("/api/terminal/sessions/{id}/focus", routing::put(set))
        .route("/api/terminal/focus", routing::put(put))
        .route("/api/terminal/projects/{id}/focus", routing::get(read))
}

/// Read a project's focus.
#[utoipa::path(
    get, path = "/api/terminal/projects/{id}/focus", tag = "focus",
    params(("id" = String, Path, description = "The project, `[A-Za-z0-9._-]{1,64}`")),
    responses(
        (status = 200, description = "The focus as it is", body = FocusAnswer),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn read(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(project): Name,
) -> Answer<Json<FocusAnswer>> {
    let project = named(&project)?;
    Ok(answer(edge.sessions.focus_of(&caller.actor, &project).await?))
}

/// Give one session the focus, or take it from it.
#[utoipa::path(
    put, path = "/api/terminal/sessions/{id}/focus", tag = "focus",
    params(("id" = String, Path, description = "The session's id or alias")),
    request_body = SetFocus,
    responses(
        (status = 200, description = "The project's focus as it is now", body = FocusAnswer),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "VERSION_CONFLICT with `focusState`, SESSION_SUSPENDED", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "SESSION_ENDED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn set(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(session_id): Name,
    Body(SetFocus { focused, expected_version }): Body<SetFocus>,
) -> Answer<Json<FocusAnswer>> {
    let changes = vec![FocusChange { session_id, focused }];
    let changed = edge.sessions.refocus(&caller.actor, None, changes, expected_version).await?;
    Ok(answer(changed.state))
}

/// Give sessions of a project the focus, or take it from them: several at once, as a grid shows
/// them. The fifth evicts the least active.
#[utoipa::path(
    put, path = "/api/terminal/focus", tag = "focus",
    request_body = PutFocus,
    responses(
        (status = 200, description = "The project's focus as it is now", body = FocusAnswer),
        (status = 400, description = "BAD_MESSAGE: also a session of another project", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "VERSION_CONFLICT with `focusState`, SESSION_SUSPENDED", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "SESSION_ENDED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn put(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Body(put): Body<PutFocus>,
) -> Answer<Json<FocusAnswer>> {
    let (project, expected) = (put.project_id.clone(), put.expected_version);
    let changes = put.changes().ok_or_else(|| {
        Refused::request(StatusCode::BAD_REQUEST, "name the session in sessionId, or in sessionIds")
    })?;
    let actor = &caller.actor;
    let changed = edge.sessions.refocus(actor, Some(&project), changes, expected).await?;
    Ok(answer(changed.state))
}

fn answer(state: FocusState) -> Json<FocusAnswer> {
    Json(FocusAnswer { success: true, state })
}
