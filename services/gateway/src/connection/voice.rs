//! In which words a socket's client is told things.

use termfleet_proto::ws::{
    focus_sync_v1, terminal_direct_v1, terminal_v1,
    text::Tell,
    v1::{Reply, RequestId, ServerMessage},
};
use termfleet_runtime::clock;
use termfleet_session::ids::ProjectId;

use super::questions;
use crate::dialect::Dialect;

/// A dialect, with what it remembers of its client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Voice {
    /// `termfleet.v1`.
    Canonical,
    /// `terminal.v1`, in the envelope that the client uses.
    Envelope(terminal_v1::Form),
    /// `terminal-direct.v1`.
    Flat,
    /// `focus-sync.v1`.
    FocusSync,
    /// `voice.v1`.
    Questions,
}

/// Which session a message of text is about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named<'a> {
    /// What the client calls it.
    pub(super) name: Option<&'a str>,
    /// Its project, where it is known.
    pub(super) project: Option<&'a ProjectId>,
}

impl From<Dialect> for Voice {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::TermfleetV1 => Self::Canonical,
            Dialect::TerminalV1 => Self::Envelope(terminal_v1::Form::default()),
            Dialect::TerminalDirectV1 => Self::Flat,
            Dialect::FocusSyncV1 => Self::FocusSync,
            Dialect::VoiceV1 => Self::Questions,
        }
    }
}

impl Voice {
    /// Is it a dialect of text, without channels and offsets?
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Canonical => false,
            Self::Envelope(_) | Self::Flat | Self::FocusSync | Self::Questions => true,
        }
    }

    /// A message, about a session that the client calls so; `None`: it has no word for it.
    pub(super) fn message(
        self,
        id: Option<RequestId>,
        named: Named<'_>,
        message: ServerMessage,
    ) -> Option<String> {
        if self.is_text() {
            return self.text(named, Tell::Message { id: id.as_deref(), message: &message });
        }
        let reply = serde_json::to_string(&Reply { id, message });
        if let Err(error) = &reply {
            // Every message is of types that JSON has words for.
            tracing::error!(%error, "a message could not be written");
        }
        reply.ok()
    }

    /// The same for dialects of text alone.
    pub(super) fn text(self, named: Named<'_>, tell: Tell<'_>) -> Option<String> {
        let Named { name, project } = named;
        let now = clock::now_ms();
        match self {
            Self::Canonical => None,
            Self::Envelope(form) => terminal_v1::write(form, name, tell, now),
            Self::Flat => terminal_direct_v1::write(name, tell, now),
            Self::FocusSync => focus_sync_v1::write(name, project, tell, now),
            Self::Questions => questions::envelope(name, &questions::new_message_id()).tell(tell),
        }
    }
}
