//! Requests that are sent again because their answer was lost: which session the first one made.

use std::str::FromStr;

use termfleet_session::{
    code::{Code, Refusal},
    ids::{TenantId, UserId},
};

/// Longest key: a UUID or a hash fits twice.
const MAX_KEY_BYTES: usize = 128;

/// Requests remembered of one user: many times the sessions they may have. The oldest goes first.
pub const KEPT_PER_USER: usize = 256;

/// A client's own name for a request: what `Idempotency-Key` says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// A text that cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency-Key must be 1 to {MAX_KEY_BYTES} visible ASCII characters")]
pub struct InvalidKey;

impl IdempotencyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (1..=MAX_KEY_BYTES).contains(&text.len());
        if fits && visible { Ok(Self(text.to_owned())) } else { Err(InvalidKey) }
    }
}

impl From<InvalidKey> for Refusal {
    fn from(error: InvalidKey) -> Self {
        Self::new(Code::BadMessage, error.to_string())
    }
}

/// A request that may come again. Keys are their user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where the user is.
    pub tenant: TenantId,
    /// Who asks.
    pub user: UserId,
    /// What they call the request.
    pub key: IdempotencyKey,
    /// SHA-256 of what is asked for: under one key there is one request.
    pub body: [u8; 32],
}
