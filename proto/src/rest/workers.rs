//! Bodies of what an administrator sees of the workers.
//!
//! What cannot be known is absent: in `dev` the one worker is no registration, and says nothing of
//! itself beforehand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a worker stands, as the gateway that answers sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// It takes sessions.
    Healthy,
    /// It takes no new sessions; those that it has go on.
    Draining,
    /// It does not answer, says that it does not serve, or is not listed any more.
    Unreachable,
}

impl WorkerState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Draining, Self::Unreachable];

    /// Its name in answers and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Draining => "draining",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A worker, as the gateway that answers knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    /// Its lasting name: `backendId` of its sessions.
    pub id: String,
    /// How it stands.
    pub state: WorkerState,
    /// Since when this gateway sees it so, exact to half a second.
    #[schema(value_type = String, format = DateTime)]
    pub since: jiff::Timestamp,
    /// The life of the process that holds its shells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// Where gateways reach it, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How many live sessions it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// How many it has, by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
    /// What it is called by, for placement.
    pub labels: BTreeMap<String, String>,
    /// How it can run sessions: `pty`.
    pub backends: Vec<String>,
    /// Where its projects' files are: `local`, on its own disk, or `shared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
}

/// An answer about one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OneWorker {
    /// The worker as it is now.
    pub worker: Worker,
}

/// How many workers there shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScalePool {
    /// So many that take sessions.
    #[schema(minimum = 1, maximum = 64)]
    pub workers: u32,
}

/// How the pool stands once it was told how many workers there shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScaledPool {
    /// How many workers there shall be.
    pub wanted: u32,
    /// How many of them are started; they may not be ready yet.
    pub running: u32,
    /// How many others take no new sessions, and end once they have none.
    pub draining: u32,
}

/// An answer that carries a page of workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerPage {
    /// The workers, by name.
    pub workers: Vec<Worker>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
