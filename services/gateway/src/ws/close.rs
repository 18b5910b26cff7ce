//! Close codes, and the violations that end a socket with one.

use std::fmt;

use termfleet_session::code::Code;

/// A close code that may stand in a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// This end is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the WebSocket protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of message that is not taken here.
    pub const UNSUPPORTED: Self = Self(1003);
    /// A text that is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// A rule of ours was broken.
    pub const POLICY: Self = Self(1008);
    /// The message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// Something went wrong on the server.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts: reconnect now, with jitter.
    pub const RESTART: Self = Self(1012);
    /// No room now: try later.
    pub const TRY_LATER: Self = Self(1013);
    /// The token is missing or bad.
    pub const UNAUTHORIZED: Self = Self(4001);
    /// This user may not.
    pub const FORBIDDEN: Self = Self(4002);
    /// The token has expired: reconnect with a fresh one.
    pub const TOKEN_EXPIRED: Self = Self(4003);
    /// Somebody else took the place.
    pub const TAKEN_OVER: Self = Self(4006);
    /// Too slow: at sign-in, within a message, or in reading.
    pub const SLOW: Self = Self(4008);
    /// The session has ended.
    pub const SESSION_ENDED: Self = Self(4010);
    /// Too much, too fast.
    pub const RATE_LIMITED: Self = Self(4029);

    /// The code, if a peer may send it: registered by RFC 6455 §7.4 or since, or of the ranges
    /// for libraries (3000–3999) and applications (4000–4999).
    #[must_use]
    pub fn from_wire(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }

    /// The number on the wire.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl From<Code> for CloseCode {
    fn from(code: Code) -> Self {
        Self(code.entry().close)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client did that ends its socket: the close frame to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code} {reason}")]
pub struct Violation {
    /// The code to close with.
    pub code: CloseCode,
    /// The reason to close with.
    pub reason: &'static str,
}

impl Violation {
    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self { code: CloseCode::PROTOCOL, reason }
    }
    pub(super) const NOT_UTF8: Self =
        Self { code: CloseCode::INVALID, reason: "text is not UTF-8" };
    pub(super) const TOO_BIG: Self =
        Self { code: CloseCode::TOO_BIG, reason: "message is too large" };
    pub(super) const TOO_MANY_FRAMES: Self =
        Self { code: CloseCode::POLICY, reason: "message has too many fragments" };
    pub(super) const UNFINISHED: Self =
        Self { code: CloseCode::SLOW, reason: "message was not finished in time" };
}

#[cfg(test)]
mod tests {
    //! Which codes may travel.
    use termfleet_session::code::TABLE;

    use super::CloseCode;

    #[test]
    fn codes_at_the_edges_of_their_ranges() {
        for code in [1000, 1003, 1007, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(CloseCode::from_wire(code).map(CloseCode::get), Some(code));
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert_eq!(CloseCode::from_wire(code), None, "{code}");
        }
    }

    #[test]
    fn every_refusal_closes_with_a_code_that_may_travel() {
        for entry in TABLE {
            let code = CloseCode::from(entry.code);
            assert_eq!(CloseCode::from_wire(code.get()), Some(code), "{}", entry.name);
        }
    }
}
