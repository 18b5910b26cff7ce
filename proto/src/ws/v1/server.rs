//! What the server says in `termfleet.v1`.

use serde::{Deserialize, Serialize};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, Epoch, Offset, ProjectId, TenantId, UserId},
    role::Role,
};

use super::{Action, RequestId, Tier};
use crate::{focus::FocusState, rest::Session, ws::frame::Reason};

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
    /// Unacknowledged output of one channel, at most.
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
    /// The focus as it is (1005).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus_state: Option<Box<FocusState>>,
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
    /// The program rang.
    Bell,
    /// The program named its window.
    Title {
        /// So.
        title: String,
    },
    /// The shell is in another directory.
    Cwd {
        /// This one.
        path: String,
    },
    /// How far the program is.
    Progress {
        /// `normal`, `error`, `indeterminate` or `paused`; absent when nothing is under way any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<String>,
        /// Of 100, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<u32>,
    },
    /// The program has something to say to its user.
    Notification {
        /// In short; may be empty.
        title: String,
        /// In full.
        body: String,
    },
    /// The shell began a command.
    CommandStarted,
    /// The shell's command ended.
    CommandFinished {
        /// Its exit code, if the shell said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    /// A program waits for its user to type something.
    Waiting {
        /// What is typed is not shown: it is a password, or something like one.
        hidden: bool,
    },
}

impl EventKind {
    /// Is it news of the program, which the next of its kind makes out of date?
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self {
            Self::Bell
            | Self::Title { .. }
            | Self::Cwd { .. }
            | Self::Progress { .. }
            | Self::Notification { .. }
            | Self::CommandStarted
            | Self::CommandFinished { .. }
            | Self::Waiting { .. } => true,
            Self::Resized { .. }
            | Self::Driver { .. }
            | Self::Exited { .. }
            | Self::Status { .. }
            | Self::Tier { .. } => false,
        }
    }
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
        /// What to come back with, as `?resume=` of the next socket; absent where nothing is counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_ticket: Option<String>,
        /// Programs' queries (DA, DSR, DECRQM, …) are answered where the session runs: the client's
        /// terminal keeps its own answers back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        answers_queries: bool,
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
    /// Rows that have left a session's screen, oldest first.
    History {
        /// Text with escape sequences for attributes.
        lines: Vec<String>,
        /// There are older ones: ask again with this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
    },
    /// How a session's screen is.
    Checked {
        /// The attachment.
        channel: ChannelId,
        /// After all output before this.
        offset: Offset,
        /// The check sum, eight hexadecimal digits.
        hash: String,
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
        /// Its focus.
        focus_state: FocusState,
        /// Its sessions.
        sessions: Vec<Session>,
    },
    /// The client hears of them no longer.
    Unsubscribed {
        /// Which project.
        project_id: ProjectId,
    },
    /// The focus was changed on request, or was so already.
    Focused {
        /// As it is now.
        focus_state: FocusState,
    },
    /// A session of a subscribed project gained or lost the focus.
    FocusUpdate {
        /// Which session.
        session_id: String,
        /// It gained the focus.
        focused: bool,
        /// The project's focus after that.
        #[serde(flatten)]
        focus: FocusState,
        /// The server's clock, milliseconds since 1970.
        timestamp: u64,
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
        timestamp: Option<serde_json::Number>,
        /// The server's clock, milliseconds since 1970.
        server_time: u64,
        /// A fresh ticket to come back with, if the last one is not fresh any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_ticket: Option<String>,
    },
    /// A refusal.
    Error(ErrorMessage),
}

impl ErrorMessage {
    /// The message of a refusal.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
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
            focus_state: None,
        }
    }
}
