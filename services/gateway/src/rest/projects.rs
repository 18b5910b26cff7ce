//! What is asked of a project as a whole: which there are, its sessions, suspending and resuming it.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing};
use termfleet_proto::rest::{Problem, Project, ProjectPage, Resumed, SessionPage, Suspended};
use termfleet_session::{
    code::{Code, Refusal},
    ids::ProjectId,
};

use super::{
    Answer,
    extract::{Caller, Name, Paged, Query},
    shown,
};
use crate::{edge::Edge, problem::Refused, sessions::Counts};

/// The routes.
pub(super) fn router() -> Router<Arc<Edge>> {
    Router::new()
        .route("/api/terminal/projects", routing::get(list))
        .route("/api/terminal/projects/{id}/sessions", routing::get(sessions))
        .route("/api/terminal/projects/{id}/suspend", routing::post(suspend))
        .route("/api/terminal/projects/{id}/resume", routing::post(resume))
}

/// List the projects in which I have sessions that are not closed, by name, with their counts.
#[utoipa::path(
    get, path = "/api/terminal/projects", tag = "projects",
    params(Paged),
    responses(
        (status = 200, description = "A page of them", body = ProjectPage),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Query(paged): Query<Paged>,
) -> Answer<Json<ProjectPage>> {
    let (after, limit) = (paged.after_name()?, paged.limit()?);
    let (projects, more) = edge.sessions.projects(&caller.actor, after.as_ref(), limit).await?;
    let last = projects.last().map(|(project, _)| project.to_string());
    let projects = projects.into_iter().map(|(project, counts)| counted(project, counts)).collect();
    Ok(Json(ProjectPage { projects, next_cursor: last.filter(|_| more) }))
}

/// List a project's sessions, oldest first: a user's own, an administrator's whole project.
#[utoipa::path(
    get, path = "/api/terminal/projects/{id}/sessions", tag = "sessions",
    params(("id" = String, Path, description = "The project, `[A-Za-z0-9._-]{1,64}`"), Paged),
    responses(
        (status = 200, description = "A page of them", body = SessionPage),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn sessions(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(project): Name,
    Query(paged): Query<Paged>,
) -> Answer<Json<SessionPage>> {
    let project = named(&project)?;
    let listing = edge.sessions.list_project(&caller.actor, &project, &paged.page()?).await?;
    Ok(shown(&edge, &listing).await)
}

/// Stop the processes of a project's sessions; their state is kept, and input to them is refused
/// with SESSION_SUSPENDED. Those that are suspended already stay so: asking again is fine.
#[utoipa::path(
    post, path = "/api/terminal/projects/{id}/suspend", tag = "projects",
    params(("id" = String, Path, description = "The project, `[A-Za-z0-9._-]{1,64}`")),
    responses(
        (status = 200, description = "They are stopped", body = Suspended),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED: some were stopped; ask again", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE: some were stopped; ask again", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn suspend(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(project): Name,
) -> Answer<Json<Suspended>> {
    let suspended = edge.sessions.suspend(&caller.actor, &named(&project)?).await?;
    Ok(Json(Suspended { suspended_count: suspended.len() as u64 }))
}

/// Continue the processes of a project's suspended sessions.
#[utoipa::path(
    post, path = "/api/terminal/projects/{id}/resume", tag = "projects",
    params(("id" = String, Path, description = "The project, `[A-Za-z0-9._-]{1,64}`")),
    responses(
        (status = 200, description = "They run", body = Resumed),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "FORBIDDEN", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED: some go on; ask again", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE: some go on; ask again", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn resume(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(project): Name,
) -> Answer<Json<Resumed>> {
    let resumed = edge.sessions.resume(&caller.actor, &named(&project)?).await?;
    Ok(Json(Resumed { resumed_sessions: edge.sessions.shown(&resumed).await }))
}

/// The project that a path names.
pub(super) fn named(project: &str) -> Result<ProjectId, Refused> {
    let text = "a project id is 1 to 64 of A-Z a-z 0-9 . _ -";
    project.parse().map_err(|_| Refusal::new(Code::BadMessage, text).into())
}

fn counted(project_id: ProjectId, counts: Counts) -> Project {
    let Counts { total, active, suspended, last_activity_at } = counts;
    Project {
        project_id,
        total_sessions: total,
        active_sessions: active,
        suspended_sessions: suspended,
        last_activity_at,
    }
}
