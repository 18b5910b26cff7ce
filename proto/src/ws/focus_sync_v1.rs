//! `focus-sync.v1`, the third seed's dialect: flat text messages of one session, with its project's
//! focus: `{type, sessionId, projectId, data, timestamp}` and the fields of each type beside them.

use serde_json::{Map, Value, json};
use termfleet_session::ids::{FocusVersion, ProjectId};

use super::{
    text::{BadText, Fields, Said, Spoken, Tell},
    v1::{EventKind, ServerMessage},
};
use crate::focus::FocusState;

/// The subprotocol's name.
pub const NAME: &str = "focus-sync.v1";

/// Reads a message.
///
/// # Errors
/// [`BadText`], in words for the client.
pub fn read(text: &str) -> Result<Spoken, BadText> {
    let fields = Fields::read(text)?;
    let expected_version = || {
        let version = fields.optional_number("expectedVersion")?;
        Ok(version.map(FocusVersion::new))
    };
    let said = match fields.needed_text("type")?.as_str() {
        "focus" => Said::Focus { focused: true, expected_version: expected_version()? },
        "blur" => Said::Focus { focused: false, expected_version: expected_version()? },
        "input" => Said::Input { data: fields.needed_text("data")? },
        "resize" => {
            let size = fields.object("data")?;
            Said::Resize { cols: size.number("cols")?, rows: size.number("rows")? }
        }
        "sync_request" => Said::Sync,
        "heartbeat" => Said::Heartbeat,
        _ => return Err(BadText::UnknownType),
    };
    Ok(Spoken { session: fields.text("sessionId")?, said })
}

/// Writes a message about a session of a project, named as the client names it; `None` if the
/// dialect has no word for it.
#[must_use]
pub fn write(
    name: Option<&str>,
    project: Option<&ProjectId>,
    tell: Tell<'_>,
    now_ms: u64,
) -> Option<String> {
    let mut said = Map::new();
    if let Some(name) = name {
        said.insert("sessionId".to_owned(), name.into());
    }
    if let Some(project) = project {
        said.insert("projectId".to_owned(), project.as_str().into());
    }
    let kind = match tell {
        Tell::Output(data) => {
            said.insert("data".to_owned(), data.into());
            "stream"
        }
        Tell::Path { status, reason, retry_count, focus } => {
            said.insert("status".to_owned(), status.name().into());
            put(&mut said, "reason", reason);
            put(&mut said, "retryCount", retry_count);
            state(&mut said, focus);
            "connection_status"
        }
        Tell::Synced { focus } => {
            state(&mut said, focus);
            "sync_complete"
        }
        // Whoever knows the focus says it with `Path`, which this dialect has the word for.
        Tell::Gap { .. } | Tell::Measures(_) | Tell::History { .. } => return None,
        Tell::Message { id: _, message } => message_of(&mut said, message)?,
    };
    said.insert("type".to_owned(), kind.into());
    said.insert("timestamp".to_owned(), now_ms.into());
    Some(Value::Object(said).to_string())
}

fn put(said: &mut Map<String, Value>, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        said.insert(field.to_owned(), value.into());
    }
}

fn state(said: &mut Map<String, Value>, focus: &FocusState) {
    let FocusState { project_id, focused_sessions, total_focused, max_focused, version } = focus;
    said.insert("projectId".to_owned(), project_id.as_str().into());
    said.insert("focusedSessions".to_owned(), json!(focused_sessions));
    said.insert("totalFocused".to_owned(), (*total_focused).into());
    said.insert("maxFocused".to_owned(), (*max_focused).into());
    said.insert("version".to_owned(), version.get().into());
}

fn message_of(said: &mut Map<String, Value>, message: &ServerMessage) -> Option<&'static str> {
    let kind = match message {
        ServerMessage::FocusUpdate { session_id: _, focused, focus, timestamp: _ } => {
            said.insert("focused".to_owned(), (*focused).into());
            state(said, focus);
            "focus_update"
        }
        ServerMessage::Heartbeat { .. } => "heartbeat",
        ServerMessage::Error(error) => {
            said.insert("code".to_owned(), error.code.number().into());
            said.insert("data".to_owned(), error.message.clone().into());
            put(said, "focusState", error.focus_state.as_ref().map(|focus| json!(focus)));
            "error"
        }
        // The path to the session and its end are told as such; the rest is not of this dialect's
        // world.
        ServerMessage::Welcome { .. }
        | ServerMessage::Created { .. }
        | ServerMessage::Attached(_)
        | ServerMessage::Synced(_)
        | ServerMessage::Detached { .. }
        | ServerMessage::Closed { .. }
        | ServerMessage::Done { .. }
        | ServerMessage::Event {
            event:
                EventKind::Resized { .. }
                | EventKind::Driver { .. }
                | EventKind::Exited { .. }
                | EventKind::Status { .. }
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
        | ServerMessage::SessionCreated { .. }
        | ServerMessage::SessionUpdated { .. }
        | ServerMessage::SessionClosed { .. }
        | ServerMessage::Draining { .. }
        | ServerMessage::TokenExpiring { .. }
        | ServerMessage::AuthRefreshed { .. } => return None,
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    //! The golden vectors, made from the seed's own text.
    #![allow(clippy::unwrap_used)]

    use super::super::text::vectors::Vectors;

    #[test]
    fn the_golden_vectors_hold() {
        let vectors = Vectors::parse(include_str!("../../vectors/focus_sync_v1.json"));
        vectors.check(
            super::NAME,
            |text| Ok((serde_json::Value::Null, super::read(text)?)),
            // What tells its messages apart is the project that they are about.
            |project, name, tell, now| {
                let project = serde_json::from_value(project.clone()).ok();
                super::write(name, project.as_ref(), tell, now)
            },
        );
    }
}
