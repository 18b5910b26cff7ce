//! In which words a socket's client is told things.

use termfleet_proto::ws::{
    terminal_direct_v1, terminal_v1,
    text::Tell,
    v1::{Reply, RequestId, ServerMessage},
};
use termfleet_runtime::clock;

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
}

impl From<Dialect> for Voice {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::TermfleetV1 => Self::Canonical,
            Dialect::TerminalV1 => Self::Envelope(terminal_v1::Form::default()),
            Dialect::TerminalDirectV1 => Self::Flat,
        }
    }
}

impl Voice {
    /// Is it a dialect of text, without channels and offsets?
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Canonical => false,
            Self::Envelope(_) | Self::Flat => true,
        }
    }

    /// A message, about a session that the client calls so; `None`: it has no word for it.
    pub(super) fn message(
        self,
        id: Option<RequestId>,
        name: Option<&str>,
        message: ServerMessage,
    ) -> Option<String> {
        if self.is_text() {
            return self.text(name, Tell::Message { id: id.as_deref(), message: &message });
        }
        let reply = serde_json::to_string(&Reply { id, message });
        if let Err(error) = &reply {
            // Every message is of types that JSON has words for.
            tracing::error!(%error, "a message could not be written");
        }
        reply.ok()
    }

    /// The same for dialects of text alone.
    pub(super) fn text(self, name: Option<&str>, tell: Tell<'_>) -> Option<String> {
        let now = clock::now_ms();
        match self {
            Self::Canonical => None,
            Self::Envelope(form) => terminal_v1::write(form, name, tell, now),
            Self::Flat => terminal_direct_v1::write(name, tell, now),
        }
    }
}
