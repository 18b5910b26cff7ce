//! `terminal.v1`, the first seed's dialect: text envelopes `{type, sessionId, payload, timestamp}`,
//! or `{channel, type, payload}` from clients that multiplex; such a client is answered alike.

use serde_json::{Map, Value, json};
use termfleet_session::ids::{FocusVersion, ProjectId};

use super::{
    text::{BadText, Fields, Said, Spoken, Tell},
    v1::{EventKind, ServerMessage},
};
use crate::rest::CreateSession;

/// The subprotocol's name.
pub const NAME: &str = "terminal.v1";

/// Which of the two envelopes a client writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// The session stands in `sessionId`.
    #[default]
    SessionId,
    /// The session stands in `channel`.
    Channel,
}

impl Form {
    fn field(self) -> &'static str {
        match self {
            Self::SessionId => "sessionId",
            Self::Channel => "channel",
        }
    }
}

/// Reads a message; the form is told if the message shows it.
///
/// # Errors
/// [`BadText`], in words for the client.
pub fn read(text: &str) -> Result<(Option<Form>, Spoken), BadText> {
    let fields = Fields::read(text)?;
    let (channel, id) = (fields.text("channel")?, fields.text("sessionId")?);
    let form = match (&channel, &id) {
        (Some(_), None) => Some(Form::Channel),
        (_, Some(_)) => Some(Form::SessionId),
        (None, None) => None,
    };
    let session = id.or(channel);
    let said = said(&fields, session.as_deref())?;
    Ok((form, Spoken { session, said }))
}

fn said(fields: &Fields, name: Option<&str>) -> Result<Said, BadText> {
    match fields.needed_text("type")?.as_str() {
        "handshake" => {
            let auth = fields.object("auth")?;
            Ok(Said::Handshake { token: auth.text("token")?, user: auth.text("userId")? })
        }
        "create_session" => {
            Ok(Said::Create { session: Box::new(create(fields.object("payload")?, name)?) })
        }
        "close_session" => Ok(Said::Close),
        "send_input" => Ok(Said::Input { data: fields.needed_text("payload")? }),
        "resize" => {
            let size = fields.object("payload")?;
            Ok(Said::Resize { cols: size.number("cols")?, rows: size.number("rows")? })
        }
        "set_focus" => {
            let focus = fields.object("payload")?;
            let version = focus.optional_number("expectedVersion")?;
            let expected_version = version.map(FocusVersion::new);
            Ok(Said::Focus { focused: focus.truth("focused")?, expected_version })
        }
        "request_history" => {
            let payload = fields.object("payload")?;
            let (lines, before) =
                (payload.optional_number("lines")?, payload.optional_number("before")?);
            Ok(Said::History { lines, before })
        }
        "subscribe" => Ok(Said::Subscribe { project: project(fields)? }),
        _ => Err(BadText::UnknownType),
    }
}

/// The client's own name for the session becomes its alias, unless it gives another one.
fn create(payload: Fields, name: Option<&str>) -> Result<CreateSession, BadText> {
    let session: Result<CreateSession, _> = serde_json::from_value(payload.into_value());
    let mut session = session.map_err(|_| BadText::Field("payload"))?;
    if let Some(name) = name {
        let alias = name.parse().map_err(|_| BadText::Field("sessionId"))?;
        session.config.get_or_insert_default().alias.get_or_insert(alias);
    }
    Ok(session)
}

/// Beside `type`, as in `handshake`, or in the payload, as everywhere else.
fn project(fields: &Fields) -> Result<ProjectId, BadText> {
    let project = match fields.text("projectId")? {
        Some(project) => project,
        None => fields.object("payload")?.needed_text("projectId")?,
    };
    project.parse().map_err(|_| BadText::Field("projectId"))
}

/// Writes a message about a session, named as the client names it; `None` if the dialect has no
/// word for it.
#[must_use]
pub fn write(form: Form, name: Option<&str>, tell: Tell<'_>, now_ms: u64) -> Option<String> {
    let (kind, payload) = match tell {
        Tell::Output(data) => ("output", Value::from(data)),
        Tell::History { text, .. } => ("output", Value::from(text)),
        Tell::Gap { status, reason } => {
            ("status_change", json!({ "status": status, "previous": status, "reason": reason }))
        }
        Tell::Measures(measures) => ("metrics_update", json!(measures)),
        Tell::Message { id, message } => message_of(id, message)?,
        // Words of another dialect.
        Tell::Path { .. } | Tell::Synced { .. } => return None,
    };
    let mut envelope = Map::new();
    envelope.insert("type".to_owned(), kind.into());
    if let Some(name) = name {
        envelope.insert(form.field().to_owned(), name.into());
    }
    envelope.insert("payload".to_owned(), payload);
    if let Tell::History { before, .. } = tell {
        envelope.insert("history".to_owned(), true.into());
        if let Some(before) = before {
            envelope.insert("before".to_owned(), before.into());
        }
    }
    envelope.insert("timestamp".to_owned(), now_ms.into());
    Some(Value::Object(envelope).to_string())
}

fn message_of(id: Option<&str>, message: &ServerMessage) -> Option<(&'static str, Value)> {
    let said = match message {
        ServerMessage::Welcome { user, heartbeat_ms, .. } => (
            "handshake_ack",
            json!({ "userId": user.id, "role": user.role, "heartbeatMs": heartbeat_ms }),
        ),
        ServerMessage::Created { session } => {
            ("session_created", with(json!({ "session": session }), "requestId", id))
        }
        ServerMessage::Closed { .. } => ("session_closed", json!({ "reason": "closed" })),
        ServerMessage::Detached { reason, exit_code, signal, .. } => {
            let payload = with(json!({ "reason": reason }), "exitCode", *exit_code);
            ("session_closed", with(payload, "signal", *signal))
        }
        ServerMessage::SessionClosed { reason, exit_code, .. } => {
            ("session_closed", with(json!({ "reason": reason }), "exitCode", *exit_code))
        }
        ServerMessage::Event { event: EventKind::Exited { exit_code, signal, .. }, .. } => {
            let payload = with(json!({ "reason": "exited" }), "exitCode", *exit_code);
            ("session_closed", with(payload, "signal", *signal))
        }
        ServerMessage::Event { event: EventKind::Status { status, previous, reason }, .. } => {
            let payload = json!({ "status": status, "previous": previous, "reason": reason });
            ("status_change", payload)
        }
        ServerMessage::SessionCreated { session } | ServerMessage::SessionUpdated { session } => {
            ("session:updated", json!(session))
        }
        ServerMessage::FocusUpdate { session_id: _, focused, focus, timestamp: _ } => {
            let payload = json!({
                "focused": focused,
                "focusedSessions": focus.focused_sessions,
                "totalFocused": focus.total_focused,
                "maxFocused": focus.max_focused,
                "version": focus.version,
            });
            ("focus_changed", payload)
        }
        ServerMessage::Error(error) => {
            let payload = json!({
                "code": error.code,
                "name": error.name,
                "message": error.message,
                "retryable": error.retryable,
            });
            let payload = with(payload, "retryAfterMs", error.retry_after_ms);
            let focus = error.focus_state.as_ref().map(|focus| json!(focus));
            ("error", with(payload, "focusState", focus))
        }
        // Channels, sizes, tiers, drain and tokens are not of this dialect's world.
        ServerMessage::Attached(_)
        | ServerMessage::Synced(_)
        | ServerMessage::Done { .. }
        | ServerMessage::Event {
            event:
                EventKind::Resized { .. }
                | EventKind::Driver { .. }
                | EventKind::Tier { .. }
                | EventKind::Bell
                | EventKind::Title { .. }
                | EventKind::Cwd { .. }
                | EventKind::Progress { .. }
                | EventKind::Notification { .. }
                | EventKind::CommandStarted
                | EventKind::CommandFinished { .. }
                | EventKind::Waiting { .. },
            ..
        }
        | ServerMessage::Focused { .. }
        | ServerMessage::Subscribed { .. }
        | ServerMessage::Unsubscribed { .. }
        | ServerMessage::History { .. }
        | ServerMessage::Checked { .. }
        | ServerMessage::Draining { .. }
        | ServerMessage::TokenExpiring { .. }
        | ServerMessage::AuthRefreshed { .. }
        | ServerMessage::Heartbeat { .. } => return None,
    };
    Some(said)
}

fn with(mut payload: Value, field: &str, value: Option<impl Into<Value>>) -> Value {
    if let (Value::Object(fields), Some(value)) = (&mut payload, value) {
        fields.insert(field.to_owned(), value.into());
    }
    payload
}

#[cfg(test)]
mod tests {
    //! The golden vectors, made from the seed's own text.
    #![allow(clippy::unwrap_used)]

    use super::super::text::vectors::Vectors;

    #[test]
    fn the_golden_vectors_hold() {
        let vectors = Vectors::parse(include_str!("../../vectors/terminal_v1.json"));
        vectors.check(
            super::NAME,
            |text| {
                let (form, spoken) = super::read(text)?;
                Ok((serde_json::to_value(form).unwrap(), spoken))
            },
            |form, name, tell, now| {
                let form = serde_json::from_value(form.clone()).unwrap_or_default();
                super::write(form, name, tell, now)
            },
        );
    }
}
