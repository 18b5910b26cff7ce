//! `voice.v1`, the fourth seed's dialect: envelopes `{type, sessionId, payload, timestamp,
//! messageId}`. Each side makes its own `messageId`; an answer names the question in `inReplyTo`.
//!
//! Every `command` and `control` has exactly one answer, of its own type or an `error`. What a
//! session prints comes as `output` beside them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    text::{BadText, Fields, Tell},
    v1::{ErrorMessage, EventKind, ServerMessage},
};

pub mod command;

pub use self::command::Command;

/// The subprotocol's name.
pub const NAME: &str = "voice.v1";

/// A client's message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What the client calls it.
    pub message_id: String,
    /// The session that it names, by id or alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What is asked.
    pub asked: Asked,
}

/// What a client can ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Asked {
    /// Type a command into the session's shell.
    Command(Command),
    /// The client's window has another size.
    Resize {
        /// Columns.
        cols: u64,
        /// Rows.
        rows: u64,
    },
    /// SIGINT to the foreground.
    Interrupt,
    /// A form feed to the program.
    Clear,
    /// Leave the session, or close it.
    Disconnect {
        /// Close it.
        destroy: bool,
    },
    /// How the session is.
    Status,
    /// Are you there?
    Heartbeat {
        /// Comes back as it was sent.
        #[serde(default)]
        payload: Value,
    },
}

/// A text that is not a message; its answer names it where it could be read that far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadQuestion {
    /// What the client calls it.
    pub message_id: Option<String>,
    /// Why it is none.
    pub error: BadText,
}

/// Reads a message.
///
/// # Errors
/// [`BadQuestion`], in words for the client.
pub fn read(text: &str) -> Result<Question, BadQuestion> {
    let fields = Fields::read(text).map_err(|error| BadQuestion { message_id: None, error })?;
    let message_id = fields.text("messageId").ok().flatten();
    question(&fields).map_err(|error| BadQuestion { message_id, error })
}

fn question(fields: &Fields) -> Result<Question, BadText> {
    let message_id = fields.needed_text("messageId")?;
    let asked = match fields.needed_text("type")?.as_str() {
        "command" => Asked::Command(command(fields)?),
        "control" => control(&fields.object("payload")?)?,
        "heartbeat" => Asked::Heartbeat { payload: fields.value("payload") },
        _ => return Err(BadText::UnknownType),
    };
    Ok(Question { message_id, session: fields.text("sessionId")?, asked })
}

/// A text alone, or a text with where and with which variables it is to run.
fn command(fields: &Fields) -> Result<Command, BadText> {
    match fields.value("payload") {
        Value::String(command) => Ok(Command { command, ..Command::default() }),
        payload @ Value::Object(_) => {
            serde_json::from_value(payload).map_err(|_| BadText::Field("payload"))
        }
        _ => Err(BadText::Field("payload")),
    }
}

fn control(payload: &Fields) -> Result<Asked, BadText> {
    let parameters = payload.object("parameters")?;
    match payload.needed_text("action")?.as_str() {
        "resize" => {
            Ok(Asked::Resize { cols: parameters.number("cols")?, rows: parameters.number("rows")? })
        }
        "interrupt" => Ok(Asked::Interrupt),
        "clear" => Ok(Asked::Clear),
        "disconnect" => {
            let destroy = match parameters.value("destroy") {
                Value::Null => false,
                Value::Bool(destroy) => destroy,
                _ => return Err(BadText::Field("destroy")),
            };
            Ok(Asked::Disconnect { destroy })
        }
        "status" => Ok(Asked::Status),
        _ => Err(BadText::Field("action")),
    }
}

/// What answers a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// The command was typed.
    Typed,
    /// It was on its way when its socket ended: nobody waited for the end.
    Sent(&'a Asked),
    /// The control was done.
    Done(&'a Asked),
    /// How the session is.
    State(Box<SessionState>),
    /// The heartbeat comes back.
    Alive(&'a Value),
    /// It was refused.
    Refused(&'a ErrorMessage),
}

/// How a session is, as the fourth seed's clients know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// Its id.
    pub session_id: String,
    /// Its user.
    pub user_id: String,
    /// The worker that runs it.
    pub backend_id: String,
    /// `active`, `idle` or `disconnected`.
    pub status: String,
    /// When somebody last used it.
    pub last_activity: jiff::Timestamp,
    /// Clients attached to it.
    pub connection_count: u32,
    /// The directory its shell is in.
    pub working_directory: String,
    /// The variables that it was given.
    pub environment: std::collections::BTreeMap<String, String>,
}

/// What every message of the server carries.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The session, as the client names it.
    pub session: Option<&'a str>,
    /// What the server calls the message.
    pub message_id: &'a str,
    /// The server's clock, milliseconds since 1970.
    pub now_ms: u64,
}

impl Envelope<'_> {
    /// Writes the answer to a question.
    #[must_use]
    pub fn answer(self, in_reply_to: Option<&str>, answer: &Answer<'_>) -> String {
        let (kind, payload) = match answer {
            Answer::Typed => ("command", json!({ "status": "typed" })),
            Answer::Sent(Asked::Command(_)) => ("command", json!({ "status": "sent" })),
            Answer::Sent(asked) => {
                ("control", json!({ "action": action(asked), "status": "sent" }))
            }
            Answer::Done(asked) => {
                ("control", json!({ "action": action(asked), "status": "done" }))
            }
            Answer::State(state) => ("control", json!({ "action": "status", "state": state })),
            Answer::Alive(payload) => ("heartbeat", (*payload).clone()),
            Answer::Refused(error) => ("error", error_of(error)),
        };
        self.write(kind, payload, in_reply_to)
    }

    /// Writes what the client did not ask for; `None` if the dialect has no word for it.
    #[must_use]
    pub fn tell(self, tell: Tell<'_>) -> Option<String> {
        let (kind, payload) = match tell {
            Tell::Output(data) => ("output", Value::from(data)),
            Tell::Gap { status, reason } => ("status_change", changed(status, status, reason)),
            Tell::Message { id: _, message } => message_of(message)?,
            // Told to clients of other dialects alone.
            Tell::Path { .. } | Tell::Synced { .. } | Tell::Measures(_) | Tell::History { .. } => {
                return None;
            }
        };
        Some(self.write(kind, payload, None))
    }

    fn write(self, kind: &str, payload: Value, in_reply_to: Option<&str>) -> String {
        let mut envelope = Map::new();
        envelope.insert("type".to_owned(), kind.into());
        if let Some(session) = self.session {
            envelope.insert("sessionId".to_owned(), session.into());
        }
        envelope.insert("payload".to_owned(), payload);
        envelope.insert("timestamp".to_owned(), self.now_ms.into());
        envelope.insert("messageId".to_owned(), self.message_id.into());
        if let Some(question) = in_reply_to {
            envelope.insert("inReplyTo".to_owned(), question.into());
        }
        Value::Object(envelope).to_string()
    }
}

fn action(asked: &Asked) -> &'static str {
    match asked {
        Asked::Resize { .. } => "resize",
        Asked::Interrupt => "interrupt",
        Asked::Clear => "clear",
        Asked::Disconnect { .. } => "disconnect",
        Asked::Status => "status",
        Asked::Command(_) => "command",
        Asked::Heartbeat { .. } => "heartbeat",
    }
}

fn changed(status: &str, previous: &str, reason: &str) -> Value {
    json!({ "status": status, "previous": previous, "reason": reason })
}

/// The session has ended, or this client was put out of it.
fn disconnect(reason: &str, exit_code: Option<i32>, signal: Option<i32>) -> Value {
    let mut parameters = json!({ "reason": reason });
    for (field, value) in [("exitCode", exit_code), ("signal", signal)] {
        if let Some(value) = value {
            parameters[field] = value.into();
        }
    }
    json!({ "action": "disconnect", "parameters": parameters })
}

fn error_of(error: &ErrorMessage) -> Value {
    let mut payload = json!({
        "code": error.code,
        "name": error.name,
        "message": error.message,
        "retryable": error.retryable,
    });
    if let Some(ms) = error.retry_after_ms {
        payload["retryAfterMs"] = ms.into();
    }
    payload
}

fn message_of(message: &ServerMessage) -> Option<(&'static str, Value)> {
    let said = match message {
        ServerMessage::Detached { reason, exit_code, signal, .. } => {
            ("control", disconnect(reason, *exit_code, *signal))
        }
        ServerMessage::Event { event: EventKind::Exited { exit_code, signal, .. }, .. } => {
            ("control", disconnect("exited", *exit_code, *signal))
        }
        ServerMessage::Event { event: EventKind::Status { status, previous, reason }, .. } => {
            ("status_change", changed(status, previous, reason))
        }
        ServerMessage::Error(error) => ("error", error_of(error)),
        // Lists, focus, channels, drain and tokens are not of this dialect's world.
        ServerMessage::Welcome { .. }
        | ServerMessage::Created { .. }
        | ServerMessage::Closed { .. }
        | ServerMessage::Attached(_)
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
    Some(said)
}

#[cfg(test)]
mod tests;
