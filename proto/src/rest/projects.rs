//! What is said of a project as a whole: its counts, and what suspending or resuming it did.

use serde::{Deserialize, Serialize};
use termfleet_session::ids::ProjectId;
use utoipa::ToSchema;

use super::Session;

/// A project in which somebody has sessions that are not closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// The project.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub project_id: ProjectId,
    /// Their sessions in it.
    pub total_sessions: u64,
    /// Those that run.
    pub active_sessions: u64,
    /// Those that are suspended.
    pub suspended_sessions: u64,
    /// When one of them was last used, exact to 10 seconds.
    #[schema(value_type = String, format = DateTime)]
    pub last_activity_at: jiff::Timestamp,
}

/// An answer that carries a page of projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectPage {
    /// The projects, by name.
    pub projects: Vec<Project>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What suspending a project did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspended {
    /// How many sessions ran and are stopped now.
    pub suspended_count: u64,
}

/// What resuming a project did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resumed {
    /// The sessions that were stopped and run now, oldest first.
    pub resumed_sessions: Vec<Session>,
}
