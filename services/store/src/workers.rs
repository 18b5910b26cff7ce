//! Which workers there are: each registers with what it offers, and stays listed as long as it
//! renews its lease (`cluster.md` §4, §5).
//!
//! An **incarnation** is the life of one ptyhost; each worker process over it has a higher
//! **generation**. A process that was superseded is refused whatever it writes here. What a worker
//! says of its load is a hint for placement: the worker itself is the authority.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use termfleet_session::{ids::Generation, record::Owner};

use crate::error::StoreError;

/// How often a worker renews its lease: six times in one.
pub const RENEW_MS: u64 = 500;
/// Most workers that are listed. Far more than placement ever meets; what is beyond is a mistake.
pub const MAX_WORKERS: usize = 4096;

/// The workers of a cluster.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Registers a worker, or renews its lease with what it says of itself now: both are one, so
    /// that a store which has lost everything knows its workers again within a renewal.
    ///
    /// # Errors
    /// `Fenced` if a later process of this incarnation has registered: exit, and touch nothing.
    async fn register(&self, worker: &Registration) -> Result<(), StoreError>;

    /// Ends the lease of a worker that goes. One that is not registered is fine.
    ///
    /// # Errors
    /// `Fenced` as above.
    async fn deregister(&self, owner: &Owner, generation: Generation) -> Result<(), StoreError>;

    /// Every worker whose lease stands, by name; of two incarnations of one name the one that
    /// registered first comes first.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn workers(&self) -> Result<Vec<Registration>, StoreError>;
}

/// What a worker says of itself. In a shared store it is JSON; a later version may add fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Its lasting name, and the life of its ptyhost.
    pub owner: Owner,
    /// Which process of that life it is.
    pub generation: Generation,
    /// Where gateways reach it: `host:port`. Whoever reads it checks that it is allowed.
    pub address: String,
    /// How many live sessions it takes.
    pub capacity: u32,
    /// How many it has.
    pub load: u32,
    /// What it is called by, for placement.
    pub labels: BTreeMap<String, String>,
    /// How it can run sessions: `pty`, `tmux`.
    pub backends: Vec<String>,
    /// Where its projects' files are.
    pub storage: Storage,
    /// It takes no new sessions.
    pub draining: bool,
}

/// Where a worker's projects have their files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Storage {
    /// On the worker's own disk: a project's sessions belong to one worker.
    #[default]
    Local,
    /// On a volume that all workers share.
    Shared,
}

impl Storage {
    /// Its name in registrations and configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Shared => "shared",
        }
    }

    /// The storage of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Local, Self::Shared].into_iter().find(|storage| storage.name() == name)
    }
}
