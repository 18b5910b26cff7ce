//! Which part answers a path, and what no path may contain. Pure.

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::dialect::Dialect;

/// Longest target of a request: ids, cursors and names fit many times.
pub(crate) const MAX_TARGET_BYTES: usize = 4 << 10;
/// Every label that a route can have in metrics and logs.
pub(crate) const ROUTES: [&str; 19] = [
    "sessions",
    "session",
    "focus",
    "projects",
    "project_sessions",
    "project_suspend",
    "project_resume",
    "tickets",
    "session_metrics",
    "system_metrics",
    "alerts",
    "workers",
    "worker_drain",
    "api",
    "openapi",
    "terminal",
    "session_socket",
    "chat",
    "page",
];

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The REST interface and its description, which share a router.
    Rest(&'static str),
    /// `WS /terminal`, or `WS /ws/terminal/{name}` with the name of its session.
    Socket {
        /// The session's id or alias, percent-decoded.
        session: Option<String>,
    },
    /// What has moved for good.
    Chat,
    /// The web terminal, or nothing.
    Page,
}

impl Route {
    /// What this path leads to.
    #[must_use]
    pub(crate) fn of(path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["terminal"] => Self::Socket { session: None },
            ["ws", "terminal", name] if !name.is_empty() => {
                let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
                Self::Socket { session: Some(name) }
            }
            ["ws", "chat"] => Self::Chat,
            ["openapi.json"] => Self::Rest("openapi"),
            ["api", "terminal", "sessions"] => Self::Rest("sessions"),
            ["api", "terminal", "sessions", _] => Self::Rest("session"),
            ["api", "terminal", "projects"] => Self::Rest("projects"),
            ["api", "terminal", "focus"]
            | ["api", "terminal", "sessions", _, "focus"]
            | ["api", "terminal", "projects", _, "focus"] => Self::Rest("focus"),
            ["api", "terminal", "projects", _, "sessions"] => Self::Rest("project_sessions"),
            ["api", "terminal", "projects", _, "suspend"] => Self::Rest("project_suspend"),
            ["api", "terminal", "projects", _, "resume"] => Self::Rest("project_resume"),
            ["api", "terminal", "tickets"] => Self::Rest("tickets"),
            ["api", "terminal", "metrics", "sessions", _] => Self::Rest("session_metrics"),
            ["api", "terminal", "metrics", "system"] => Self::Rest("system_metrics"),
            ["api", "terminal", "alerts"] => Self::Rest("alerts"),
            ["api", "terminal", "workers"] => Self::Rest("workers"),
            ["api", "terminal", "workers", _, "drain"] => Self::Rest("worker_drain"),
            ["api", ..] => Self::Rest("api"),
            _ => Self::Page,
        }
    }

    /// Its label in metrics and logs.
    #[must_use]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Rest(label) => label,
            Self::Socket { session: None } => "terminal",
            Self::Socket { session: Some(_) } => "session_socket",
            Self::Chat => "chat",
            Self::Page => "page",
        }
    }

    /// What a socket here speaks when nobody says.
    #[must_use]
    pub(crate) fn default_dialect(session: Option<&str>) -> Dialect {
        match session {
            None => Dialect::TerminalV1,
            Some(_) => Dialect::TerminalDirectV1,
        }
    }
}

/// Why a target is refused before anything looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadTarget {
    /// It is longer than any of ours.
    TooLong,
    /// It has dots, slashes, controls or half an escape where none of ours has them.
    Malformed,
}

/// Refuses what different parsers read differently: encoded separators and dots, control
/// characters, dot segments (also with `;` parameters), backslashes, broken escapes.
///
/// # Errors
/// [`BadTarget`].
pub(crate) fn check(uri: &Uri) -> Result<(), BadTarget> {
    let length = uri.path().len() + uri.query().map_or(0, str::len);
    if length > MAX_TARGET_BYTES {
        return Err(BadTarget::TooLong);
    }
    let path = uri.path();
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    if !path.starts_with('/') || path.contains('\\') || path.split('/').any(dots) {
        return Err(BadTarget::Malformed);
    }
    for escape in path.split('%').skip(1) {
        let byte = escape.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            None | Some(b'.' | b'/' | b'\\' | b'%' | 0..b' ' | 0x7f) => {
                return Err(BadTarget::Malformed);
            }
            Some(_) => {}
        }
    }
    if percent_decode_str(path).decode_utf8().is_err() {
        return Err(BadTarget::Malformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Paths that exist, and paths that nobody sends by accident.

    use super::*;

    #[test]
    fn a_path_leads_to_its_part() {
        for (path, label) in [
            ("/", "page"),
            ("/assets/index-1.js", "page"),
            ("/terminal", "terminal"),
            ("/ws/terminal/abc", "session_socket"),
            ("/ws/terminal/", "page"),
            ("/ws/chat", "chat"),
            ("/openapi.json", "openapi"),
            ("/api/terminal/metrics/sessions/x", "session_metrics"),
            ("/api/terminal/metrics/system", "system_metrics"),
            ("/api/terminal/alerts", "alerts"),
            ("/api/terminal/metrics/other", "api"),
            ("/api/terminal/sessions", "sessions"),
            ("/api/terminal/sessions/x", "session"),
            ("/api/terminal/projects", "projects"),
            ("/api/terminal/projects/p/sessions", "project_sessions"),
            ("/api/terminal/projects/p/suspend", "project_suspend"),
            ("/api/terminal/projects/p/resume", "project_resume"),
            ("/api/terminal/sessions/x/focus", "focus"),
            ("/api/terminal/projects/p/focus", "focus"),
            ("/api/terminal/focus", "focus"),
            ("/api/terminal/sessions/x/history", "api"),
            ("/api/terminal/tickets", "tickets"),
            ("/api/terminal/workers", "workers"),
            ("/api/terminal/workers/w1", "api"),
            ("/api/terminal/workers/w1/drain", "worker_drain"),
        ] {
            assert_eq!(Route::of(path).label(), label, "{path}");
            assert!(ROUTES.contains(&label));
        }
        let named = Route::of("/ws/terminal/my%20name");
        assert_eq!(named, Route::Socket { session: Some("my name".to_owned()) });
    }

    #[test]
    fn what_parsers_read_differently_is_refused() {
        for path in [
            "/api/terminal/sessions/%00",
            "/api/terminal/sessions/%2e%2e%2fetc",
            "/a/%2E/b",
            "/a%2Fb",
            "/a%5cb",
            "/static/..;/secret",
            "/a/../b",
            "/./a",
            "/a%0d%0aSet-Cookie:x",
            "/a%zz",
            "/a%2",
            "/a%252e",
            "/%ff",
        ] {
            assert_eq!(check(&path.parse().unwrap()), Err(BadTarget::Malformed), "{path}");
        }
        for path in ["/", "/a.b/..c/d..", "/ws/terminal/my%20name", "/a?x=%00", "/%C3%A9"] {
            assert_eq!(check(&path.parse().unwrap()), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_target_has_an_end() {
        let target = |length: usize| format!("/{}", "a".repeat(length - 1)).parse().unwrap();
        assert_eq!(check(&target(MAX_TARGET_BYTES)), Ok(()));
        assert_eq!(check(&target(MAX_TARGET_BYTES + 1)), Err(BadTarget::TooLong));
    }
}
