//! `termfleet.v1`, the canonical dialect: control messages as JSON text.
//!
//! Unknown fields are ignored (clients and gateways are never upgraded together); unknown types are
//! refused. Bytes travel in binary frames (`frame`).

mod server;

use serde::{Deserialize, Serialize};
use termfleet_session::ids::{
    Attempt, ChannelId, ClientId, Epoch, FocusVersion, Offset, ProjectId,
};

use crate::{focus::FocusChange, rest::CreateSession};

pub use server::{
    Attached, ErrorMessage, EventKind, Limits, Reply, ServerInfo, ServerMessage, User,
};

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
        /// The same of one that comes because the size has changed: a terminal that keeps its
        /// scrollback whatever is drawn wants none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        redraw_rows: Option<u32>,
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
        /// Whose focus, in this order.
        changes: Vec<FocusChange>,
        /// Only if the set is still at this version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_version: Option<FocusVersion>,
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
    /// Rows that have left the screen.
    History {
        /// The session's id or alias.
        session_id: String,
        /// Only rows before this one; absent: the newest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        /// How many, at most.
        lines: u64,
    },
    /// Is the client's screen the session's?
    Check {
        /// The attachment.
        channel: ChannelId,
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
        timestamp: Option<serde_json::Number>,
    },
}

#[cfg(test)]
mod tests;
