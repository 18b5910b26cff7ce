//! Tickets: how a page that cannot set headers on its WebSocket signs it in.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use termfleet_proto::rest::{Problem, Ticket};

use super::{Answer, extract::Caller};
use crate::edge::Edge;

/// Get a ticket: for 30 seconds, `?ticket=` signs one WebSocket in as whoever asked for it. Each
/// request makes another one, so no key is needed to send it again.
#[utoipa::path(
    post, path = "/api/terminal/tickets", tag = "tickets",
    responses(
        (status = 201, description = "Use it at once, and once", body = Ticket),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "RATE_LIMITED", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "SERVICE_UNAVAILABLE", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn issue(
    State(edge): State<Arc<Edge>>,
    Caller(caller): Caller,
) -> Answer<(StatusCode, Json<Ticket>)> {
    Ok((StatusCode::CREATED, Json(edge.tickets.issue(&caller).await?)))
}
