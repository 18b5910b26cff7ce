//! What the seeds' text dialects have in common: what their clients can say, in one vocabulary, and
//! what they can be told, in the canonical one.
//!
//! How a message looks is each dialect's own file; what is done about it is the gateway's business.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use termfleet_session::ids::{FocusVersion, ProjectId};

use super::v1::ServerMessage;
use crate::{
    focus::FocusState,
    rest::{CreateSession, measures::SessionMeasures},
};

/// A client's message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spoken {
    /// The session that it names, by id or alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What is asked.
    pub said: Said,
}

/// What a client of a text dialect can ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Said {
    /// Sign in.
    Handshake {
        /// The token, unless the upgrade signed it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// Who the client believes to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// Attach, and nothing else.
    Connect,
    /// Create a session, and attach to it.
    Create {
        /// As `POST /sessions`; the client's own name for it is its alias.
        session: Box<CreateSession>,
    },
    /// Close the session.
    Close,
    /// Type.
    Input {
        /// The text.
        data: String,
    },
    /// The client's window has another size.
    Resize {
        /// Columns.
        cols: u64,
        /// Rows.
        rows: u64,
    },
    /// Leave the session.
    Disconnect,
    /// Change the session's focus.
    Focus {
        /// It gains the focus; else it loses it.
        focused: bool,
        /// Only if the project's focus is still at this version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_version: Option<FocusVersion>,
    },
    /// Tell the project's focus.
    Sync,
    /// Is anybody there?
    Heartbeat,
    /// Rows that have left the screen.
    History {
        /// How many, at most; as many as one answer holds if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<u64>,
        /// Only rows before this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
    },
    /// Hear of a project's sessions.
    Subscribe {
        /// Which project.
        project: ProjectId,
    },
}

/// What a client of a text dialect is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tell<'a> {
    /// A canonical message, with the id of the request that it answers.
    Message {
        /// The request's id.
        id: Option<&'a str>,
        /// The message.
        message: &'a ServerMessage,
    },
    /// Output.
    Output(&'a str),
    /// Rows that have left the screen, and where the ones before them begin.
    History {
        /// The rows, with line feeds between them.
        text: &'a str,
        /// What to ask with for older ones, if there are any.
        before: Option<u64>,
    },
    /// The gateway's own way to the session stands, or does not.
    Path {
        /// How it is.
        status: PathStatus,
        /// Why.
        reason: Option<&'a str>,
        /// Attempts to find it again since it was lost.
        retry_count: Option<u32>,
        /// The project's focus.
        focus: &'a FocusState,
    },
    /// The project's focus, on request.
    Synced {
        /// It.
        focus: &'a FocusState,
    },
    /// What is measured of a focused session.
    Measures(&'a SessionMeasures),
    /// Output is missing: the screen follows instead.
    Gap {
        /// The session's status.
        status: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// How the gateway's way to a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PathStatus {
    /// It stands.
    Connected,
    /// It is lost and looked for, or the session has ended.
    Disconnected,
    /// It was not found again.
    Error,
}

impl PathStatus {
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Error => "error",
        }
    }
}

/// A text that is not a message of the dialect; what it says is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Not JSON, or not an object.
    #[error("the message is not a JSON object")]
    NotAnObject,
    /// No message of this type is served.
    #[error("the message's type is unknown")]
    UnknownType,
    /// A field is missing or not what it should be.
    #[error("the field {0} is missing or not valid")]
    Field(&'static str),
}

/// A message taken apart.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(text: &str) -> Result<Self, BadText> {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(BadText::NotAnObject),
        }
    }

    /// A text that may be left out, or null.
    pub(super) fn text(&self, field: &'static str) -> Result<Option<String>, BadText> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(BadText::Field(field)),
        }
    }

    pub(super) fn needed_text(&self, field: &'static str) -> Result<String, BadText> {
        self.text(field)?.ok_or(BadText::Field(field))
    }

    /// A whole number; `80.0`, which some clients compute, is one.
    pub(super) fn number(&self, field: &'static str) -> Result<u64, BadText> {
        let value = self.0.get(field).ok_or(BadText::Field(field))?;
        let whole =
            |float: &f64| float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(float);
        value
            .as_u64()
            .or_else(|| value.as_f64().filter(whole).map(|float| float as u64))
            .ok_or(BadText::Field(field))
    }

    /// A truth.
    pub(super) fn truth(&self, field: &'static str) -> Result<bool, BadText> {
        self.0.get(field).and_then(Value::as_bool).ok_or(BadText::Field(field))
    }

    /// A whole number that may be left out, or null.
    pub(super) fn optional_number(&self, field: &'static str) -> Result<Option<u64>, BadText> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or(BadText::Field(field)),
        }
    }

    /// An object that may be left out.
    pub(super) fn object(&self, field: &'static str) -> Result<Self, BadText> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(Self(Map::new())),
            Some(Value::Object(fields)) => Ok(Self(fields.clone())),
            Some(_) => Err(BadText::Field(field)),
        }
    }

    /// Whatever there is; null if there is nothing.
    pub(super) fn value(&self, field: &str) -> Value {
        self.0.get(field).cloned().unwrap_or_default()
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

#[cfg(test)]
pub(super) mod vectors;
