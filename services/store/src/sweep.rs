//! The sweep lease: which gateway looks for idle sessions now (`cluster.md` §3).
//!
//! Whoever takes it has it for its time, and nobody else meanwhile. It need not be renewed: it is taken
//! for as long as one round may last, and whoever comes first after it takes the next, so that the
//! death of a holder delays nothing.

use async_trait::async_trait;

use crate::error::StoreError;

/// Who may sweep.
#[async_trait]
pub trait Sweeps: Send + Sync {
    /// Takes the lease for so long, if nobody else has it. Who has it may take it again, from now on.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn take_sweep(&self, holder: &str, lease_ms: u64) -> Result<Lease, StoreError>;

    /// Gives the lease back; of somebody who does not have it that changes nothing.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn leave_sweep(&self, holder: &str) -> Result<(), StoreError>;
}

/// Whose the lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The caller's.
    Mine,
    /// Somebody else's.
    Taken {
        /// For so much longer.
        for_ms: u64,
    },
}
