//! A refusal as an HTTP answer: problem details, a status, and `Retry-After` where there is a hint.
//!
//! This is the one place where the HTTP edge translates codes. Where HTTP has a status that says
//! more than the code's own (404 for a route, 405, 410, 414, 415), the caller names it.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use termfleet_proto::{focus::FocusState, rest::Problem};
use termfleet_session::code::{Code, Refusal};

use crate::{focus::NotFocused, ws::Reject};

/// The media type of a problem.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal on its way to an HTTP client. The answer carries its [`Code`] as an extension, for
/// whoever counts and logs.
#[derive(Debug, Clone)]
pub struct Refused(Box<Parts>);

/// Boxed, because a refusal is rare and every answer would be as large.
#[derive(Debug, Clone)]
struct Parts {
    refusal: Refusal,
    status: StatusCode,
    header: Option<(HeaderName, HeaderValue)>,
    /// What the focus is, after a conflict about it.
    focus: Option<FocusState>,
}

impl Refused {
    /// A refusal with another status than its code's.
    #[must_use]
    pub fn with_status(refusal: impl Into<Refusal>, status: StatusCode) -> Self {
        Self(Box::new(Parts { refusal: refusal.into(), status, header: None, focus: None }))
    }

    /// A request that no resource of ours would take, with a status that says why.
    #[must_use]
    pub fn request(status: StatusCode, text: &str) -> Self {
        Self::with_status(Refusal::new(Code::BadMessage, text), status)
    }

    /// The same with a header of its own.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// What is refused.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    /// The status that is answered.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.entry().http);
        Self::with_status(refusal, status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Refusal::from(code).into()
    }
}

impl From<NotFocused> for Refused {
    fn from(NotFocused { refusal, state }: NotFocused) -> Self {
        let mut refused = Self::from(refusal);
        refused.0.focus = state.map(|state| *state);
        refused
    }
}

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        let refusal = Refusal::new(reject.code(), reject.to_string());
        let (status, header) = (reject.status(), reject.header());
        Self(Box::new(Parts { refusal, status, header, focus: None }))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Parts { refusal, status, header, focus } = *self.0;
        let problem = Problem { focus_state: focus, ..Problem::of(&refusal, status.as_u16()) };
        // A struct of texts and numbers is always JSON.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(ms) = refusal.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        }
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(refusal.code);
        response
    }
}

#[cfg(test)]
mod tests {
    //! What a client reads.

    use super::*;

    #[test]
    fn the_hint_is_rounded_up_to_seconds() {
        let refusal = Refusal::from(Code::RateLimited).retry_after(1_001);
        let response = Refused::from(refusal).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.extensions().get::<Code>(), Some(&Code::RateLimited));
    }

    #[test]
    fn a_missing_token_is_told_the_scheme() {
        let response = Refused::from(Code::Unauthorized).into_response();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
    }

    #[test]
    fn a_rejected_upgrade_keeps_its_header() {
        let response = Refused::from(Reject::SocketVersion).into_response();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
}
