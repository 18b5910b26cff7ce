//! What handlers read of a request, each with a problem for what it cannot be.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_LENGTH, header::CONTENT_TYPE, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use termfleet_session::{
    code::{Code, Refusal},
    ids::ProjectId,
};
use termfleet_store::{IdempotencyKey, Page, StoreError, page::MAX_PAGE, repeat::InvalidKey};
use tokio::time;
use utoipa::{IntoParams, ToSchema};

use crate::{auth::SignedIn, edge::Edge, problem::Refused};

/// Longest body (`security.md` §4).
const MAX_BODY_BYTES: usize = 1 << 20;
/// How long a body may take (`security.md` §7).
const BODY_TIME: Duration = Duration::from_secs(10);
/// Longest part of a parser's explanation that is told: it may quote the client's own value.
const MAX_EXPLANATION: usize = 200;

/// Whoever sent it, signed in, and their request counted.
pub(super) struct Caller(pub(super) SignedIn);

impl FromRequestParts<Arc<Edge>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, Refused> {
        let caller = edge.auth.caller(&parts.headers)?;
        edge.admission.request(&caller.actor).await?;
        Ok(Self(caller))
    }
}

/// What the client calls its request, if it may come again.
pub(super) struct Repeatable(pub(super) Option<IdempotencyKey>);

impl<S: Send + Sync> FromRequestParts<S> for Repeatable {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = keys.next() else { return Ok(Self(None)) };
        if keys.next().is_some() {
            return Err(bad("one Idempotency-Key is enough"));
        }
        // What is not text is not a key either.
        let key = key.to_str().unwrap_or_default().parse();
        key.map(|key| Self(Some(key))).map_err(|error: InvalidKey| Refusal::from(error).into())
    }
}

/// The one name in the path, percent-decoded.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|_| bad("the path is not valid"))
    }
}

/// The query, read into a type.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| bad(&explained("the query is not valid", &rejection.body_text())))
    }
}

/// Which page of a listing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Paged {
    /// `nextCursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Entries of one page, 1–200; 50 if absent.
    #[serde(default)]
    limit: Option<usize>,
}

/// Which of my sessions.
// Flattening `Paged` would make every number a text for serde.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Mine {
    /// Only this project's.
    #[serde(default)]
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub(super) project_id: Option<ProjectId>,
    /// `nextCursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// Sessions of one page, 1–200; 50 if absent.
    #[serde(default)]
    limit: Option<usize>,
}

/// How a screen is shown.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Lines of text.
    #[default]
    Text,
    /// Lines of text with escape sequences for attributes.
    Ansi,
    /// An SVG picture.
    Svg,
}

/// How a screen is to be shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Shown {
    /// `text` if absent.
    #[serde(default)]
    pub(super) format: Format,
}

/// How rows are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RowFormat {
    /// Text.
    #[default]
    Text,
    /// Text with escape sequences for attributes.
    Ansi,
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Rows {
    /// `before` of the page that was newer.
    #[serde(default)]
    pub(super) before: Option<u64>,
    /// Rows of one page, 1–1000; 200 if absent.
    #[serde(default)]
    pub(super) lines: Option<u64>,
    /// `text` if absent.
    #[serde(default)]
    pub(super) format: RowFormat,
}

impl Paged {
    pub(super) fn page(&self) -> Result<Page, Refused> {
        page(self.cursor.as_deref(), self.limit)
    }

    /// The name that a listing by name goes on after.
    pub(super) fn after_name<T: FromStr>(&self) -> Result<Option<T>, Refused> {
        let after = self.cursor.as_deref().map(str::parse).transpose();
        after.map_err(|_| Refusal::from(StoreError::BadCursor).into())
    }

    pub(super) fn limit(&self) -> Result<usize, Refused> {
        Ok(page(None, self.limit)?.limit)
    }
}

impl Mine {
    pub(super) fn page(&self) -> Result<Page, Refused> {
        page(self.cursor.as_deref(), self.limit)
    }
}

fn page(cursor: Option<&str>, limit: Option<usize>) -> Result<Page, Refused> {
    let mut page = Page::default();
    if let Some(limit) = limit {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(bad(&format!("limit must be 1 to {MAX_PAGE}")));
        }
        page.limit = limit;
    }
    page.after = cursor.map(str::parse).transpose().map_err(Refusal::from)?;
    Ok(page)
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        if !is_json(request.headers()) {
            let text = "send JSON, with Content-Type: application/json";
            return Err(Refused::request(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let bytes = read(request).await?;
        // The parser's own bound on depth (128) ends what is nested to exhaust the stack.
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| bad(&explained("the body is not valid", &error.to_string())))
    }
}

async fn read(request: Request) -> Result<Bytes, Refused> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|n: usize| n > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect();
    match time::timeout(BODY_TIME, body).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(bad("the body was cut off")),
        Err(_) => {
            let text = format!("the body took longer than {} s", BODY_TIME.as_secs());
            Err(Refusal::new(Code::SlowConsumer, text).into())
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn too_large() -> Refused {
    Refusal::new(Code::MessageTooLarge, format!("a body has at most {MAX_BODY_BYTES} bytes")).into()
}

fn bad(text: &str) -> Refused {
    Refusal::new(Code::BadMessage, text).into()
}

/// A parser's explanation of the client's own text helps whoever wrote it; it says nothing of us.
fn explained(what: &str, explanation: &str) -> String {
    let short: String = explanation.chars().take(MAX_EXPLANATION).collect();
    format!("{what}: {short}")
}
