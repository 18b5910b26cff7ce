//! Messages that may come again because their answer was lost: what the first one was answered, and
//! that nothing is run twice, whichever gateway hears it (`protocol.md` §3, `voice.v1`).
//!
//! A message is noted before anything is done about it, and answered after it. Between the two it
//! is under way; if its gateway dies there, nobody knows how far it came, and it stays so: what may
//! have been typed is never typed again.

use async_trait::async_trait;
use termfleet_session::ids::SessionId;

use crate::{error::StoreError, repeat::IdempotencyKey};

/// How long a message is remembered.
pub const MESSAGE_MS: u64 = 600_000;
/// Messages remembered of one session in memory: the oldest goes first. A person speaks some a
/// minute.
pub const MESSAGES_PER_SESSION: usize = 1_024;

/// What was asked in sessions.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Notes a message, unless it came before.
    ///
    /// # Errors
    /// `KeyReused` if the first message of that id said something else.
    async fn hear(&self, message: &Message) -> Result<Heard, StoreError>;

    /// Notes what the first of its kind is answered.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn answer(&self, message: &Message, answer: &str) -> Result<(), StoreError>;

    /// Forgets a message about which nothing was done, so that it can be tried again.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn unhear(&self, message: &Message) -> Result<(), StoreError>;
}

/// A message of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The session: ids are told apart within it.
    pub session: SessionId,
    /// What its client calls it.
    pub id: IdempotencyKey,
    /// SHA-256 of what it says: under one id there is one message.
    pub body: [u8; 32],
}

/// Whether a message came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It did not: do what it asks, then note the answer.
    First,
    /// It did, and this is what it was answered.
    Again(String),
    /// It did, and there is no answer yet.
    UnderWay,
}
