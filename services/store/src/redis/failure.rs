//! What went wrong at Redis, told as what a caller can act on: when to try again. The detail is
//! logged here, and nowhere else.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::StoreError;

/// A new connection is made within this time if the server is there.
pub(super) const RECONNECT_MS: u64 = 250;
/// A failover or a load of the data takes seconds; a client that asks once a second is told soon
/// and costs nothing.
pub(super) const FAILOVER_MS: u64 = 1_000;
/// What only a person can mend (a full memory, a missing right) is not mended sooner.
const MENDED_MS: u64 = 5_000;

/// What kind of failure it was, for those who count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No answer in time.
    Timeout,
    /// The connection ended.
    Connection,
    /// The server cannot serve at the moment: it loads, fails over, or lacks its replicas.
    Failover,
    /// It will not do it until a person has mended something.
    Refused,
    /// There was no connection, and none came soon.
    Unconnected,
    /// Too many calls were under way already.
    Overload,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Timeout,
        Self::Connection,
        Self::Failover,
        Self::Refused,
        Self::Unconnected,
        Self::Overload,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Failover => "failover",
            Self::Refused => "refused",
            Self::Unconnected => "unconnected",
            Self::Overload => "overload",
        }
    }
}

/// A call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) retry_after_ms: u64,
    /// The connection is of no use any more: it has ended, or leads to a server that does not take
    /// writes now.
    pub(super) ends_the_connection: bool,
}

impl Failure {
    /// What to do about this error, which came of doing `what`.
    pub(super) fn of(error: &RedisError, what: &str) -> Self {
        let failure = Self::weigh(error);
        if failure.kind == Kind::Refused {
            tracing::error!(what, %error, "redis refused");
        } else {
            tracing::debug!(what, %error, "redis is not available");
        }
        failure
    }

    fn weigh(error: &RedisError) -> Self {
        let wait = |kind, retry_after_ms| Self { kind, retry_after_ms, ends_the_connection: false };
        let leave = |kind, retry_after_ms| Self { kind, retry_after_ms, ends_the_connection: true };
        match error.kind() {
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown,
            ) => wait(Kind::Failover, FAILOVER_MS),
            ErrorKind::Server(ServerErrorKind::ReadOnly) => leave(Kind::Failover, FAILOVER_MS),
            ErrorKind::Server(
                ServerErrorKind::TryAgain | ServerErrorKind::Moved | ServerErrorKind::Ask,
            ) => wait(Kind::Failover, RECONNECT_MS),
            // The server may be paused or very slow: others on this connection still wait, and the
            // keeper finds out.
            ErrorKind::Io if error.is_timeout() => wait(Kind::Timeout, FAILOVER_MS),
            ErrorKind::Io => leave(Kind::Connection, RECONNECT_MS),
            ErrorKind::ClusterConnectionNotFound => wait(Kind::Connection, FAILOVER_MS),
            _ => match error.code() {
                // Too few replicas follow, or a script of somebody's runs for long.
                Some("NOREPLICAS" | "BUSY") => wait(Kind::Failover, FAILOVER_MS),
                _ => wait(Kind::Refused, MENDED_MS),
            },
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable { retry_after_ms: failure.retry_after_ms }
    }
}
