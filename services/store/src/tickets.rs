//! Tickets: a few random characters that sign one socket in, once, within half a minute
//! (`protocol.md` §5). For browsers, whose WebSockets have no headers, and for whom a token in an
//! address would stand in logs for as long as it is good.
//!
//! The store knows a ticket by its digest alone: who reads the store cannot use one.

use async_trait::async_trait;
use termfleet_session::{
    ids::{TenantId, UserId},
    role::Role,
};

use crate::error::StoreError;

/// How long a ticket is good: a page opens its socket at once.
pub const TICKET_MS: u64 = 30_000;
/// Tickets that one user may have at a time: more than all their tabs need to come back. The oldest
/// goes first.
pub const TICKETS_PER_USER: usize = 64;

/// The tickets that are out.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Notes a ticket, good for [`TICKET_MS`].
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn issue(&self, ticket: &Ticket, bearer: &Bearer) -> Result<(), StoreError>;

    /// Takes a ticket: of any number of calls one gets its bearer, if it is still good.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn redeem(&self, ticket: &Ticket) -> Result<Option<Bearer>, StoreError>;
}

/// Whose ticket, and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Where its user is.
    pub tenant: TenantId,
    /// Its user: nobody else's ticket has this name.
    pub user: UserId,
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
}

/// What its user was signed in as when they asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The role.
    pub role: Role,
    /// The Unix second from which on their token is worth nothing; none if they had none.
    pub expires_at: Option<i64>,
    /// What a revocation of their token would name.
    pub token_id: Option<String>,
}
