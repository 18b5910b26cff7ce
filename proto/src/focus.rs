//! How a project's focus looks to clients, over REST and in every dialect.

use serde::{Deserialize, Serialize};
use termfleet_session::{
    focus::FocusSet,
    ids::{FocusVersion, ProjectId},
};
use utoipa::ToSchema;

/// Sessions that one change may name: as many as a socket may have open.
pub const MAX_CHANGES: usize = 64;

/// A project's focus: the whole of it, so that a client keeps the one with the highest version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FocusState {
    /// The project.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub project_id: ProjectId,
    /// The focused sessions, the longest focused first.
    pub focused_sessions: Vec<String>,
    /// How many they are.
    pub total_focused: u32,
    /// How many there may be.
    pub max_focused: u32,
    /// Grows with every change; holes are normal. 0: nothing was ever focused.
    #[schema(value_type = u64)]
    pub version: FocusVersion,
}

impl FocusState {
    /// A project's set, of which so many may be focused.
    #[must_use]
    pub fn of(project: &ProjectId, set: &FocusSet, max: usize) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            project_id: project.clone(),
            focused_sessions: set.sessions().map(ToString::to_string).collect(),
            total_focused: count(set.members.len()),
            max_focused: count(max),
            version: set.version,
        }
    }
}

/// One session's focus, in a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FocusChange {
    /// The session's id or alias.
    pub session_id: String,
    /// It gains the focus; else it loses it.
    pub focused: bool,
}

/// `PUT /api/terminal/sessions/{id}/focus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetFocus {
    /// The session gains the focus; else it loses it.
    pub focused: bool,
    /// Only if the project's focus is still at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub expected_version: Option<FocusVersion>,
}

/// `PUT /api/terminal/focus`: one session, or several at once as a grid shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutFocus {
    /// The project.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub project_id: ProjectId,
    /// The session's id or alias; this or `sessionIds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Several sessions' ids or aliases, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_ids: Option<Vec<String>>,
    /// They gain the focus; else they lose it.
    pub focused: bool,
    /// Only if the project's focus is still at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub expected_version: Option<FocusVersion>,
}

impl PutFocus {
    /// The change of each session, in the order given; none if it names none or names them twice.
    #[must_use]
    pub fn changes(self) -> Option<Vec<FocusChange>> {
        let names = match (self.session_id, self.session_ids) {
            (Some(name), None) => vec![name],
            (None, Some(names)) if !names.is_empty() => names,
            (None | Some(_), _) => return None,
        };
        let focused = self.focused;
        Some(names.into_iter().map(|session_id| FocusChange { session_id, focused }).collect())
    }
}

/// An answer about a project's focus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FocusAnswer {
    /// Always true: a refusal is a problem.
    pub success: bool,
    /// The focus as it is now.
    #[serde(flatten)]
    pub state: FocusState,
}
