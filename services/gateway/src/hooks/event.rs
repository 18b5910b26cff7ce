//! What a webhook is sent: one JSON object an event, and a signature over it.

use aws_lc_rs::hmac;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::Serialize;
use serde_json::{Value, json};
use termfleet_proto::rest;
use termfleet_session::{record::Session, role::Actor};

use super::Creation;

/// Random bytes of an event's id: it names the event for ever.
const ID_BYTES: usize = 16;

/// What happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// It shall be created.
    BeforeCreate,
    /// It was.
    AfterCreate,
    /// It shall be ended.
    BeforeDelete,
    /// It was.
    AfterDelete,
}

/// All events.
pub const EVENTS: [Event; 4] =
    [Event::BeforeCreate, Event::AfterCreate, Event::BeforeDelete, Event::AfterDelete];

impl Event {
    /// Its name, in messages, configuration and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeCreate => "before_create",
            Self::AfterCreate => "after_create",
            Self::BeforeDelete => "before_delete",
            Self::AfterDelete => "after_delete",
        }
    }

    /// The event of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        EVENTS.into_iter().find(|event| event.name() == name)
    }
}

/// An event as it is sent, and sent again under the same id.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) event: Event,
    /// JSON.
    pub(super) body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    id: &'a str,
    /// Milliseconds since 1970: when it happened, however late it arrives.
    timestamp: u64,
    tenant: &'a str,
    /// Who asks.
    user: &'a str,
    #[serde(flatten)]
    about: About,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum About {
    Request(Value),
    Session(Box<rest::Session>),
}

impl Message {
    /// Somebody wants a session.
    pub(super) fn of_creation(creation: &Creation, at_ms: u64) -> Self {
        let Creation { actor, session, tenant, project, project_path, config } = creation;
        let mut request = json!({
            "sessionId": session.as_str(),
            "projectId": project.as_str(),
            "projectPath": project_path,
            "role": actor.role.name(),
            "alias": config.alias.as_ref().map(|alias| alias.as_str()),
            "tabName": config.tab_name,
            "shell": config.shell,
            "mode": config.mode.name(),
            "labels": config.labels,
            // Their values may be secrets of the user's.
            "environment": config.environment.keys().collect::<Vec<_>>(),
        });
        if let Value::Object(fields) = &mut request {
            // What was not said is absent.
            fields.retain(|_, value| !value.is_null());
        }
        Self::new(Event::BeforeCreate, at_ms, tenant.as_str(), actor, About::Request(request))
    }

    /// Something happens to a session, or did.
    pub(super) fn of_session(event: Event, by: &Actor, session: &Session, at_ms: u64) -> Self {
        let mut shown = rest::Session::from(session);
        // Their values may be secrets of the user's.
        shown.environment.clear();
        let about = About::Session(Box::new(shown));
        Self::new(event, at_ms, session.tenant.as_str(), by, about)
    }

    fn new(event: Event, timestamp: u64, tenant: &str, by: &Actor, about: About) -> Self {
        let id = new_id();
        let body =
            Body { event: event.name(), id: &id, timestamp, tenant, user: by.user.as_str(), about };
        // Names, numbers and JSON always are JSON.
        Self { event, body: serde_json::to_string(&body).unwrap_or_default() }
    }
}

/// Without the system's randomness ids would not be unique; it cannot fail on a system that started
/// this process.
fn new_id() -> String {
    let mut random = [0; ID_BYTES];
    let _ = getrandom::fill(&mut random);
    format!("evt_{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase())
}

/// The value of `Termfleet-Signature`: the time in seconds, and HMAC-SHA256 over it, a dot and the
/// body. The time is that of sending, so that a receiver can refuse what was overheard long ago.
pub(super) fn signature(secret: &[u8], now_unix: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{now_unix}.{body}").as_bytes());
    format!("t={now_unix},v1={}", HEXLOWER.encode(tag.as_ref()))
}
