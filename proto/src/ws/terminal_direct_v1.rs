//! `terminal-direct.v1`, the second seed's dialect: one session a socket, flat text messages
//! `{type, sessionId, data, cols, rows, timestamp}`.

use serde_json::{Map, Value};

use super::{
    text::{BadText, Fields, Said, Spoken, Tell},
    v1::{EventKind, ServerMessage},
};

/// The subprotocol's name.
pub const NAME: &str = "terminal-direct.v1";

/// Reads a message.
///
/// # Errors
/// [`BadText`], in words for the client.
pub fn read(text: &str) -> Result<Spoken, BadText> {
    let fields = Fields::read(text)?;
    let said = match fields.needed_text("type")?.as_str() {
        "connect" => Said::Connect,
        "input" => Said::Input { data: fields.needed_text("data")? },
        "resize" => Said::Resize { cols: fields.number("cols")?, rows: fields.number("rows")? },
        "disconnect" => Said::Disconnect,
        _ => return Err(BadText::UnknownType),
    };
    Ok(Spoken { session: fields.text("sessionId")?, said })
}

/// Writes a message about the session, named as the client names it; `None` if the dialect has no
/// word for it.
#[must_use]
pub fn write(name: Option<&str>, tell: Tell<'_>, now_ms: u64) -> Option<String> {
    let mut said = Map::new();
    let kind = match tell {
        Tell::Output(data) => {
            said.insert("data".to_owned(), data.into());
            "output"
        }
        Tell::Gap { status, reason } => {
            status_change(&mut said, status, status, reason);
            "status_change"
        }
        Tell::Message { id: _, message } => message_of(&mut said, message)?,
        // Words of another dialect.
        Tell::Path { .. } | Tell::Synced { .. } | Tell::Measures(_) | Tell::History { .. } => {
            return None;
        }
    };
    said.insert("type".to_owned(), kind.into());
    if let Some(name) = name {
        said.insert("sessionId".to_owned(), name.into());
    }
    said.insert("timestamp".to_owned(), now_ms.into());
    Some(Value::Object(said).to_string())
}

fn status_change(said: &mut Map<String, Value>, status: &str, previous: &str, reason: &str) {
    for (field, value) in [("status", status), ("previous", previous), ("reason", reason)] {
        said.insert(field.to_owned(), value.into());
    }
}

fn disconnect(said: &mut Map<String, Value>, reason: &str, exit_code: Option<i32>) -> &'static str {
    said.insert("reason".to_owned(), reason.into());
    if let Some(exit_code) = exit_code {
        said.insert("exitCode".to_owned(), exit_code.into());
    }
    "disconnect"
}

fn message_of(said: &mut Map<String, Value>, message: &ServerMessage) -> Option<&'static str> {
    let kind = match message {
        // A channel that takes another one's place is the same connection to the client.
        ServerMessage::Attached(attached) => {
            return attached.replaces.is_none().then_some("connected");
        }
        ServerMessage::Detached { reason, exit_code, .. } => disconnect(said, reason, *exit_code),
        ServerMessage::Event { event: EventKind::Exited { exit_code, .. }, .. } => {
            disconnect(said, "exited", *exit_code)
        }
        ServerMessage::Event { event: EventKind::Status { status, previous, reason }, .. } => {
            status_change(said, status, previous, reason);
            "status_change"
        }
        ServerMessage::Error(error) => {
            said.insert("code".to_owned(), error.code.number().into());
            said.insert("message".to_owned(), error.message.clone().into());
            "error"
        }
        // Nothing of these is of this dialect's world.
        ServerMessage::Welcome { .. }
        | ServerMessage::Created { .. }
        | ServerMessage::Closed { .. }
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
        | ServerMessage::FocusUpdate { .. }
        | ServerMessage::Subscribed { .. }
        | ServerMessage::Unsubscribed { .. }
        | ServerMessage::History { .. }
        | ServerMessage::Checked { .. }
        | ServerMessage::SessionCreated { .. }
        | ServerMessage::SessionUpdated { .. }
        | ServerMessage::SessionClosed { .. }
        | ServerMessage::Draining { .. }
        | ServerMessage::TokenExpiring { .. }
        | ServerMessage::AuthRefreshed { .. }
        | ServerMessage::Heartbeat { .. } => return None,
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
        let vectors = Vectors::parse(include_str!("../../vectors/terminal_direct_v1.json"));
        vectors.check(
            super::NAME,
            |text| Ok((serde_json::Value::Null, super::read(text)?)),
            |_, name, tell, now| super::write(name, tell, now),
        );
    }
}
