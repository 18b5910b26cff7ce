//! What a session shows, and rows that have left its screen.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing,
};
use http::{HeaderValue, header};
use termfleet_proto::{
    rest::{Problem, RowPage},
    worker_v1::ScreenFormat,
};

use super::{
    Answer,
    extract::{Caller, Format, Name, Query, RowFormat, Rows, Shown},
};
use crate::edge::Edge;

/// Rows of one answer, unless asked otherwise.
const ROWS: u64 = 200;

/// The routes.
pub(super) fn router() -> Router<Arc<Edge>> {
    Router::new()
        .route("/api/terminal/sessions/{id}/screen", routing::get(screen))
        .route("/api/terminal/sessions/{id}/history", routing::get(history))
}

/// Read a session's screen as it is now: as text, with escape sequences, or as a picture. It stays
/// readable for ten minutes after the session's end.
#[utoipa::path(
    get, path = "/api/terminal/sessions/{id}/screen", tag = "sessions",
    params(("id" = String, Path, description = "The session's id or alias"), Shown),
    responses(
        (status = 200, description = "The screen", content(
            (String = "text/plain"),
            (String = "image/svg+xml"),
        )),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "SESSION_ENDED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn screen(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
    Query(shown): Query<Shown>,
) -> Answer<Response> {
    let (format, kind) = match shown.format {
        Format::Text => (ScreenFormat::Text, "text/plain; charset=utf-8"),
        Format::Ansi => (ScreenFormat::Ansi, "text/plain; charset=utf-8"),
        Format::Svg => (ScreenFormat::Svg, "image/svg+xml"),
    };
    let screen = edge.sessions.screen(&caller.actor, &name, format).await?;
    let mut response = screen.data.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // It is another one with the next byte.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Read rows that have left a session's screen, as wide as they were there, oldest first. The newest
/// page comes first; `before` leads to the one before it.
#[utoipa::path(
    get, path = "/api/terminal/sessions/{id}/history", tag = "sessions",
    params(("id" = String, Path, description = "The session's id or alias"), Rows),
    responses(
        (status = 200, description = "A page of them", body = RowPage),
        (status = 400, description = "BAD_MESSAGE", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "SESSION_NOT_FOUND", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "SESSION_ENDED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "CONNECTION_FAILED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn history(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
    Name(name): Name,
    Query(rows): Query<Rows>,
) -> Answer<Json<RowPage>> {
    let (lines, plain) = (rows.lines.unwrap_or(ROWS), rows.format == RowFormat::Text);
    let page = edge.sessions.history(&caller.actor, &name, rows.before, lines, plain).await?;
    Ok(Json(RowPage { lines: page.lines, before: page.before }))
}
