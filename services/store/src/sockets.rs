//! How many sockets a user has, over the whole cluster (`security.md` §4): each has a place, leased by
//! the gateway that holds the socket. A gateway that dies takes its places with it, a while later; one
//! that finds the store empty puts its places back.

use async_trait::async_trait;
use termfleet_session::ids::{TenantId, UserId};

use crate::error::StoreError;

/// How long a place stands that is not renewed: what a user waits at most for the places of a gateway
/// that died.
pub const PLACE_MS: u64 = 30_000;

/// The places of users' sockets. A socket is named by its connection.
#[async_trait]
pub trait Sockets: Send + Sync {
    /// Takes a place for a socket, if its user has fewer than `most`. Taking it again is fine.
    ///
    /// A socket that replaces another takes over that one's place, if it has one: so it opens at the
    /// limit too, and the other has none from then on.
    ///
    /// # Errors
    /// Only `Unavailable`; the place may be taken nevertheless, and goes by itself.
    async fn take_place(
        &self,
        user: &SocketUser,
        socket: &str,
        replaces: Option<&str>,
        most: u32,
    ) -> Result<bool, StoreError>;

    /// Holds the places of these sockets of a user for [`PLACE_MS`] from now, and puts those back that
    /// were lost. Answers which of them have been taken over: those stay without.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn renew_places(
        &self,
        user: &SocketUser,
        sockets: &[String],
    ) -> Result<Vec<String>, StoreError>;

    /// Frees the places of these sockets of a user.
    ///
    /// # Errors
    /// Only `Unavailable`: they go by themselves.
    async fn free_places(&self, user: &SocketUser, sockets: &[String]) -> Result<(), StoreError>;
}

/// Whose sockets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SocketUser {
    /// Where they are.
    pub tenant: TenantId,
    /// Who they are.
    pub user: UserId,
}
