//! The description of the REST interface, made from the handlers and their types.

use std::sync::LazyLock;

use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use crate::rest;

/// Everything that is described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Termfleet",
        description = "Terminals at scale: sessions over REST; their bytes travel over WebSockets \
                       (docs/protocol.md). Every refusal is a problem (RFC 9457) with a code.",
        license(name = "Apache-2.0"),
    ),
    paths(
        rest::create,
        rest::list_mine,
        rest::projects::list,
        rest::projects::sessions,
        rest::projects::suspend,
        rest::projects::resume,
        rest::tickets::issue,
        rest::read,
        rest::patch,
        rest::close,
        rest::focus::read,
        rest::focus::set,
        rest::focus::put,
        rest::screen::screen,
        rest::screen::history,
        rest::measures::session,
        rest::measures::system,
        rest::measures::alerts,
        rest::measures::set_alerts,
        rest::workers::list,
        rest::workers::drain,
        rest::workers::undo,
        rest::workers::scale,
    ),
    tags(
        (name = "sessions", description = "Terminals: a process, a screen, a history"),
        (name = "metrics", description = "What is measured, and what is too much"),
        (name = "projects", description = "All sessions of one project at once"),
        (name = "focus", description = "Which of a project's sessions are looked at: one truth"),
        (name = "workers", description = "Who runs sessions, for administrators"),
        (name = "tickets", description = "Signing a WebSocket in without a header"),
    ),
    modifiers(&Bearer),
)]
struct Description;

/// The one way to sign in to REST.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.bearer_format = Some("JWT".to_owned());
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(http));
    }
}

/// The description as JSON, ending with a newline.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        // The model is plain maps and texts, which always are JSON.
        Description::openapi().to_pretty_json().unwrap_or_default() + "\n"
    });
    &TEXT
}
