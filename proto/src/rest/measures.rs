//! Bodies of what is measured: a session, a gateway, and the thresholds that raise alerts.
//!
//! What cannot be known (yet, or while a worker is away) is absent, never 0. Commands and their
//! errors are not counted, as nothing tells where one begins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/terminal/metrics/sessions/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OneSessionMeasured {
    /// What is known of the session.
    pub metrics: SessionMeasures,
}

/// What is known of a session now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionMeasures {
    /// The session's id.
    pub session_id: String,
    /// Bytes that its terminal took as input.
    pub bytes_in: u64,
    /// Bytes that its programs printed.
    pub bytes_out: u64,
    /// Processor time of its processes so far, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Resident memory of its processes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Clients attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers: Option<u32>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: jiff::Timestamp,
    /// When somebody last used it.
    #[schema(value_type = String, format = DateTime)]
    pub last_activity_at: jiff::Timestamp,
    /// When this was looked at, milliseconds since 1970.
    pub timestamp: u64,
}

/// `GET /api/terminal/metrics/system`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemMeasured {
    /// The newest sample.
    pub metrics: SystemMeasures,
    /// All samples that are kept, oldest first: an hour of them.
    pub history: Vec<SystemMeasures>,
    /// Milliseconds between two samples.
    pub interval_ms: u64,
    /// The gateway that answers: each measures itself.
    pub instance: String,
}

/// One sample of a gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemMeasures {
    /// When it was taken, milliseconds since 1970.
    pub timestamp: u64,
    /// The process's memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// The process's processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Live sessions on all workers, by their own word, those being started among them; absent while
    /// that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_count: Option<u64>,
    /// WebSockets open at this gateway.
    pub active_connections: u64,
}

/// A process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    /// Bytes in RAM.
    pub rss: u64,
}

/// A process's processor time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cpu {
    /// Microseconds in its own code, since its start.
    pub user: u64,
    /// Microseconds in the kernel, since its start.
    pub system: u64,
    /// Processors kept busy since the sample before; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<f64>,
}

/// `GET` and `PUT /api/terminal/alerts` answer this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alerts {
    /// What is above its threshold now.
    pub alerts: Vec<Alert>,
    /// The thresholds: what is not named has none.
    pub thresholds: BTreeMap<String, f64>,
    /// The gateway that answers: each holds itself against thresholds of its own.
    pub instance: String,
}

/// Something is above its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// What: `memory`, `cpu`, `activeConnections` or `errorRate`.
    pub metric: String,
    /// The threshold.
    pub threshold: f64,
    /// The newest value.
    pub value: f64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: jiff::Timestamp,
}

/// `PUT /api/terminal/alerts`: these thresholds and no others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SetThresholds {
    /// By what is measured: `memory` (bytes), `cpu` (processors), `activeConnections`,
    /// `errorRate` (refusals a second). Above 0.
    pub thresholds: BTreeMap<String, f64>,
}
