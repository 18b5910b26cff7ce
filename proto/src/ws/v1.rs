//! `termfleet.v1`, the canonical dialect: control messages as JSON text.
//!
//! Unknown fields are ignored (clients and gateways are never upgraded together); unknown types are
//! refused. Bytes travel in binary frames (`frame`).

use serde::{Deserialize, Serialize};
use termfleet_session::{
    code::Code,
    ids::{Attempt, ChannelId, ClientId, Epoch, Offset, ProjectId, TenantId, UserId},
    role::Role,
};

use super::frame::Reason;
use crate::rest::{CreateSession, Session};

/// The subprotocol's name.
pub const NAME: &str = "termfleet.v1";
/// Longest `id` of a request.
pub const MAX_REQUEST_ID: usize = 64;

/// A request's own number or name, echoed in its answer.
pub type RequestId = String;

/// How a viewer wants to be, or is, fed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Focus decides.
    Auto,
    /// Every byte.
    #[default]
    Live,
    /// At most two updates a second.
    Preview,
    /// No output, only events.
    Events,
}

/// What `control` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Take the driver's seat.
    Take,
    /// Give it up.
    Release,
    /// SIGINT to the foreground process group, ahead of queued input.
    Interrupt,
    /// A form feed to the program.
    Clear,
    /// Kill the shell and what it started.
    Kill,
    /// A new shell in a new epoch.
    Restart,
}

/// A client's message with the request's own id, if it gave one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Echoed in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The message.
    #[serde(flatten)]
    pub message: ClientMessage,
}

/// The token in a handshake.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// A user's token.
    pub token: String,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(…)")
    }
}

/// Which client this is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can take on top of the protocol: `deflate`.
    pub capabilities: Vec<String>,
}

/// What a client may send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ClientMessage {
    /// Always first.
    Handshake {
        /// The token, unless the upgrade signed it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auth: Option<Auth>,
        /// Who it is.
        #[serde(default)]
        client: ClientInfo,
    },
    /// Create a session.
    Create {
        /// As `POST /sessions`.
        #[serde(flatten)]
        session: Box<CreateSession>,
        /// Columns, before those of `config`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cols: Option<u64>,
        /// Rows, before those of `config`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u64>,
    },
    /// Attach to a session.
    Attach {
        /// The session's id or alias.
        session_id: String,
        /// This client.
        client_id: ClientId,
        /// Which attempt of it.
        attempt: Attempt,
        /// The epoch it has bytes of; with `offset` or neither.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<Epoch>,
        /// All output before this it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<Offset>,
        /// How it wants to be fed.
        #[serde(default)]
        tier: Tier,
        /// Its columns; with `rows` or neither.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cols: Option<u64>,
        /// Its rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u64>,
        /// Rows of scrollback that a snapshot may bring.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot_rows: Option<u32>,
    },
    /// End an attachment.
    Detach {
        /// The attachment.
        channel: ChannelId,
    },
    /// Bring a channel up to date.
    Sync {
        /// The attachment.
        channel: ChannelId,
        /// All output before this it has; absent: it wants a snapshot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<Offset>,
    },
    /// The client's window has another size.
    Resize {
        /// The attachment.
        channel: ChannelId,
        /// Columns.
        cols: u64,
        /// Rows.
        rows: u64,
    },
    /// The session is, or is not, on the screen.
    View {
        /// The attachment.
        channel: ChannelId,
        /// It is.
        visible: bool,
    },
    /// Do something to the session.
    Control {
        /// The attachment.
        channel: ChannelId,
        /// What.
        action: Action,
    },
    /// Close a session.
    Close {
        /// The session's id or alias.
        session_id: String,
    },
    /// Change the focus set.
    Focus {
        /// Of which project.
        project_id: ProjectId,
    },
    /// Hear of a project's sessions.
    Subscribe {
        /// Which project.
        project_id: ProjectId,
    },
    /// Hear of them no longer.
    Unsubscribe {
        /// Which project.
        project_id: ProjectId,
    },
    /// Older lines.
    History {
        /// The session's id or alias.
        session_id: String,
    },
    /// A fresh token.
    AuthRefresh {
        /// The token.
        token: String,
    },
    /// Is anybody there?
    Heartbeat {
        /// The client's clock, echoed.
        #[serde(default)]
        timestamp: Option<f64>,
    },
}

/// Who the server takes the client for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub id: UserId,
    /// Their role.
    pub role: Role,
    /// Their tenant.
    pub tenant: TenantId,
}

/// Which server this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Its version.
    pub version: String,
    /// Which instance.
    pub instance: String,
}

/// The limits that a client should keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Longest message.
    pub max_message_bytes: u64,
    /// Longest input of one message.
    pub max_input_bytes: u64,
    /// Channels of one socket.
    pub max_channels: u64,
    /// Unacknowledged output of one channel.
    pub window_bytes: u64,
}

/// The answer to `attach` and to `sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    /// The attachment.
    pub channel: ChannelId,
    /// The attachment that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ChannelId>,
    /// The session.
    pub session_id: String,
    /// The number of its shell.
    pub epoch: Epoch,
    /// Where output goes on.
    pub offset: Offset,
    /// The newest output.
    pub head: Offset,
    /// The missing bytes follow; else a snapshot does.
    pub recovered: bool,
    /// Why a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// This client drives.
    pub driver: bool,
    /// Where this client's input goes on.
    pub next_input_offset: Offset,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// The session's status.
    pub status: String,
    /// How the client is fed.
    pub tier: Tier,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorMessage {
    /// The attachment it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// The session it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Its number.
    pub code: Code,
    /// Its name.
    pub name: String,
    /// What went wrong, for a person.
    pub message: String,
    /// May the same request succeed later?
    pub retryable: bool,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Where input goes on (2006, 2009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_input_offset: Option<Offset>,
    /// Where output ends (2007).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
}

/// Something that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum EventKind {
    /// The terminal has another size from `offset` on.
    Resized {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
        /// From here on.
        offset: Offset,
    },
    /// Who drives changed.
    Driver {
        /// This client drives now.
        driver: bool,
        /// Somebody does.
        taken: bool,
    },
    /// The process ended; no output follows.
    Exited {
        /// Exit code, if it exited by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// Signal, if one ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
        /// All output there will ever be.
        offset: Offset,
    },
    /// The session's status changed.
    Status {
        /// What it is.
        status: String,
        /// What it was.
        previous: String,
        /// Why.
        reason: String,
    },
    /// How the client is fed changed.
    Tier {
        /// How now.
        tier: Tier,
    },
}

/// A server's message with the id of the request that it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The request's id, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The message.
    #[serde(flatten)]
    pub message: ServerMessage,
}

/// What a client is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// Always first.
    Welcome {
        /// This connection, for logs and questions.
        connection_id: String,
        /// Who the client is.
        user: User,
        /// When its token expires, ISO 8601.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<jiff::Timestamp>,
        /// Which server.
        server: ServerInfo,
        /// What to keep to.
        limits: Limits,
        /// How often the server pings.
        heartbeat_ms: u64,
    },
    /// A session was created on request.
    Created {
        /// It.
        session: Box<Session>,
    },
    /// The answer to `attach`, or unasked when a channel is replaced.
    Attached(Attached),
    /// The answer to `sync`.
    Synced(Attached),
    /// An attachment ended.
    Detached {
        /// Which.
        channel: ChannelId,
        /// Of which session.
        session_id: String,
        /// Why, if not asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
        /// Why, in words.
        reason: String,
        /// Exit code, if the process ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// Signal, if the process ended by one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// A control was done.
    Done {
        /// The attachment.
        channel: ChannelId,
        /// What was done.
        action: Action,
    },
    /// A session was closed on request.
    Closed {
        /// Which.
        session_id: String,
    },
    /// Something happened in a session.
    Event {
        /// Which session.
        session_id: String,
        /// Which attachment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<ChannelId>,
        /// What.
        #[serde(flatten)]
        event: EventKind,
    },
    /// The client hears of a project's sessions from now on.
    Subscribed {
        /// Which project.
        project_id: ProjectId,
        /// Its sessions.
        sessions: Vec<Session>,
    },
    /// The client hears of them no longer.
    Unsubscribed {
        /// Which project.
        project_id: ProjectId,
    },
    /// A session of a subscribed project appeared.
    SessionCreated {
        /// It.
        session: Box<Session>,
    },
    /// A session of a subscribed project changed.
    SessionUpdated {
        /// It.
        session: Box<Session>,
    },
    /// A session of a subscribed project ended.
    SessionClosed {
        /// Which.
        session_id: String,
        /// Why.
        reason: String,
        /// Exit code, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    /// This server is going away: open another socket first.
    Draining {
        /// When to do so.
        retry_after_ms: u64,
    },
    /// The token expires soon.
    TokenExpiring {
        /// When.
        expires_at: jiff::Timestamp,
    },
    /// The token was renewed.
    AuthRefreshed {
        /// Until when.
        expires_at: jiff::Timestamp,
    },
    /// Somebody is here.
    Heartbeat {
        /// The client's clock, as it came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timestamp: Option<f64>,
        /// The server's clock, milliseconds since 1970.
        server_time: u64,
    },
    /// A refusal.
    Error(ErrorMessage),
}

impl ErrorMessage {
    /// The message of a refusal.
    #[must_use]
    pub fn of(refusal: &termfleet_session::code::Refusal) -> Self {
        let current = refusal.current.map(Offset::new);
        let is_output = refusal.code == Code::BadOffset;
        Self {
            channel: None,
            session_id: None,
            code: refusal.code,
            name: refusal.code.name().to_owned(),
            message: refusal.text.clone(),
            retryable: refusal.code.retryable(),
            retry_after_ms: refusal.retry_after_ms,
            next_input_offset: current.filter(|_| !is_output),
            offset: current.filter(|_| is_output),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Messages as a client would write them.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn unknown_fields_are_ignored_and_unknown_types_refused() {
        let text = r#"{"type":"detach","channel":3,"id":"7","later":{"x":1}}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.id.as_deref(), Some("7"));
        assert_eq!(request.message, ClientMessage::Detach { channel: ChannelId::new(3) });
        assert!(serde_json::from_str::<Request>(r#"{"type":"dance"}"#).is_err());
    }

    #[test]
    fn a_missing_or_mistyped_field_is_refused() {
        for bad in [
            r#"{"type":"detach"}"#,
            r#"{"type":"detach","channel":"3"}"#,
            r#"{"type":"resize","channel":1,"cols":-1,"rows":2}"#,
            r#"{"type":"resize","channel":1,"cols":1e400,"rows":2}"#,
            r#"{"type":"attach","sessionId":"x","clientId":"nope","attempt":1}"#,
            r#"{"channel":1}"#,
            r#"[]"#,
        ] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn create_takes_what_rest_takes() {
        let text =
            r#"{"type":"create","projectId":"p","config":{"tabName":"t"},"cols":100,"rows":30}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        let ClientMessage::Create { session, cols, .. } = request.message else { panic!() };
        assert_eq!((session.project_id.as_str(), cols), ("p", Some(100)));
        assert_eq!(session.config.unwrap().tab_name.as_deref(), Some("t"));
    }

    #[test]
    fn names_are_camel_case_on_the_wire() {
        let error =
            ErrorMessage::of(&termfleet_session::code::Refusal::from(Code::InputGap).current(12));
        let reply = Reply { id: None, message: ServerMessage::Error(error) };
        let json = serde_json::to_value(reply).unwrap();
        assert_eq!(json["type"], "error");
        assert_eq!(json["code"], 2006);
        assert_eq!(json["nextInputOffset"], 12);
        assert!(json.get("id").is_none() && json.get("offset").is_none());
    }
}
