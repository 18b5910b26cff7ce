//! Which messages of a socket are traced, and what their spans are called. Keystrokes are not, nor
//! is what comes many times a second or by the clock: they would be all that a trace shows.

use termfleet_proto::ws::{text::Said, v1::ClientMessage, voice_v1::Asked};
use tracing::Span;

/// The span of a canonical message; none if it is not traced.
pub(super) fn message(message: &ClientMessage) -> Span {
    match message {
        ClientMessage::Handshake { .. } => span("handshake"),
        ClientMessage::Create { .. } => span("create"),
        ClientMessage::Attach { .. } => span("attach"),
        ClientMessage::Detach { .. } => span("detach"),
        ClientMessage::Sync { .. } => span("sync"),
        ClientMessage::Control { .. } => span("control"),
        ClientMessage::Close { .. } => span("close"),
        ClientMessage::Focus { .. } => span("focus"),
        ClientMessage::Subscribe { .. } => span("subscribe"),
        ClientMessage::Unsubscribe { .. } => span("unsubscribe"),
        ClientMessage::History { .. } => span("history"),
        ClientMessage::Check { .. } => span("check"),
        ClientMessage::AuthRefresh { .. } => span("auth_refresh"),
        ClientMessage::Resize { .. }
        | ClientMessage::View { .. }
        | ClientMessage::Heartbeat { .. } => Span::none(),
    }
}

/// The span of a message of text; none if it is not traced.
pub(super) fn said(said: &Said) -> Span {
    match said {
        Said::Handshake { .. } => span("handshake"),
        Said::Connect => span("connect"),
        Said::Create { .. } => span("create"),
        Said::Close => span("close"),
        Said::Disconnect => span("disconnect"),
        Said::Focus { .. } => span("focus"),
        Said::Sync => span("sync_focus"),
        Said::History { .. } => span("history"),
        Said::Subscribe { .. } => span("subscribe"),
        Said::Input { .. } | Said::Resize { .. } | Said::Heartbeat => Span::none(),
    }
}

/// The span of a question; none if it is not traced.
pub(super) fn asked(asked: &Asked) -> Span {
    match asked {
        Asked::Command(_) => span("command"),
        Asked::Interrupt => span("interrupt"),
        Asked::Clear => span("clear"),
        Asked::Disconnect { .. } => span("disconnect"),
        Asked::Status => span("status"),
        Asked::Resize { .. } | Asked::Heartbeat { .. } => Span::none(),
    }
}

fn span(message: &'static str) -> Span {
    tracing::debug_span!("socket message", "otel.kind" = "server", message)
}
