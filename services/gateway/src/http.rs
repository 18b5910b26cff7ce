//! One HTTP request: checked, routed, answered, counted and logged.
//!
//! The order is the protection: the shape of the target, then Host and Origin, then a token in the
//! address, and only then whatever answers the path. REST is `rest`'s, upgrades are `upgrade`'s,
//! files are `pages`'.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Request, StatusCode,
    header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use hyper::body::Incoming;
use termfleet_runtime::traces;
use termfleet_session::code::{Code, Refusal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Span;

use crate::{
    auth::{looks_like_token, no_token_in_query},
    edge::Edge,
    pages::{self, Pages},
    problem::Refused,
    rest,
    route::{self, BadTarget, Route},
    upgrade,
};

pub(crate) mod cors;
pub(crate) mod peer;

/// Longest part of a path that is logged.
const LOGGED_PATH: usize = 256;

/// What answers every request of this gateway.
pub(crate) struct Server {
    /// The shared state.
    pub(crate) edge: Arc<Edge>,
    /// The web terminal.
    pub(crate) pages: Arc<dyn Pages>,
    /// REST.
    pub(crate) router: Router,
    /// Ends whatever has not ended when a drain's time is over.
    pub(crate) stop: CancellationToken,
}

impl Server {
    /// A server of this edge and these pages.
    pub(crate) fn new(edge: Arc<Edge>, pages: Arc<dyn Pages>) -> Self {
        let router = rest::router(Arc::clone(&edge));
        Self { edge, pages, router, stop: CancellationToken::new() }
    }
}

/// The requests of one connection.
#[derive(Clone)]
pub(crate) struct Requests {
    /// Who answers.
    pub(crate) server: Arc<Server>,
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// The connection, for logs and questions.
    pub(crate) connection_id: Arc<str>,
}

/// A request's query, decoded.
pub(crate) type QueryPairs = Vec<(String, String)>;

impl Requests {
    /// The answer to a request; there always is one.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response {
        // What a client says of its own trace is not believed: it could have everything sampled.
        let span = tracing::debug_span!(
            "request",
            "otel.kind" = "server",
            "http.request.method" = request.method().as_str(),
            "http.route" = Route::of(request.uri().path()).label(),
            "http.response.status_code" = tracing::field::Empty,
            code = tracing::field::Empty,
        );
        traces::within(span, self.answer_within(request)).await
    }

    async fn answer_within(&self, request: Request<Incoming>) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let path = logged(request.uri().path()).into_owned();
        let route = Route::of(request.uri().path());
        let label = route.label();
        let origin = cors::listed(&self.server.edge.config.site, request.headers());

        let answer = self.route(route, request).await;
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        dress(&mut response);
        if let Some(origin) = origin {
            cors::allow(&mut response, origin);
        }

        let (status, took) = (response.status(), started.elapsed());
        let metrics = &self.server.edge.metrics;
        metrics.answered(label, &method, status, took);
        let code = response.extensions().get::<Code>().copied();
        if let Some(code) = code {
            metrics.refused(code);
        }
        let span = Span::current();
        span.record("http.response.status_code", status.as_u16());
        if let Some(code) = code {
            span.record("code", code.name());
        }
        tracing::info!(
            %method,
            path,
            route = label,
            status = status.as_u16(),
            code = code.map(Code::name),
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            connection = &*self.connection_id,
            "request"
        );
        response
    }

    async fn route(&self, route: Route, request: Request<Incoming>) -> Result<Response, Refused> {
        let query = self.admit(&request)?;
        if let Some(preflight) = cors::preflight(&self.server.edge.config.site, &request) {
            return Ok(preflight);
        }
        match route {
            Route::Socket { session } => upgrade::answer(self, session, &query, request).await,
            Route::Rest(_) => Ok(self.rest(request).await),
            Route::Page => {
                let (path, headers) = (request.uri().path(), request.headers());
                pages::answer(&*self.server.pages, request.method(), path, headers)
            }
            Route::Chat => {
                Err(Refused::request(StatusCode::GONE, "chat is a part of WS /ws: connect there"))
            }
        }
    }

    /// What every request has to pass, whatever it asks for.
    fn admit(&self, request: &Request<Incoming>) -> Result<QueryPairs, Refused> {
        route::check(request.uri()).map_err(|bad| match bad {
            BadTarget::TooLong => Refused::request(
                StatusCode::URI_TOO_LONG,
                &format!("an address has at most {} bytes", route::MAX_TARGET_BYTES),
            ),
            BadTarget::Malformed => {
                Refusal::new(Code::BadMessage, "the address is not valid").into()
            }
        })?;
        self.server.edge.config.site.check(request, false)?;
        let query = request.uri().query().unwrap_or_default();
        let query: QueryPairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        no_token_in_query(&query)?;
        Ok(query)
    }

    async fn rest(&self, request: Request<Incoming>) -> Response {
        let request = request.map(Body::new);
        // A router's error type is empty: it has an answer for everything.
        self.server.router.clone().oneshot(request).await.into_response()
    }
}

/// What every answer carries.
fn dress(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// A path as it may be logged: short, and without what looks like a token.
fn logged(path: &str) -> Cow<'_, str> {
    if looks_like_token(path) {
        return Cow::Borrowed("(a token)");
    }
    match path.char_indices().nth(LOGGED_PATH) {
        None => Cow::Borrowed(path),
        Some((end, _)) => Cow::Owned(format!("{}…", &path[..end])),
    }
}

#[cfg(test)]
mod tests {
    //! What is never logged.

    use super::logged;

    #[test]
    fn a_token_in_a_path_is_not_logged_and_a_long_path_is_cut() {
        assert_eq!(logged("/ws/terminal/abc"), "/ws/terminal/abc");
        assert_eq!(logged("/x/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"), "(a token)");
        assert_eq!(logged(&format!("/{}", "a".repeat(5_000))).chars().count(), 257);
    }
}
