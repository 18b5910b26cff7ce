//! Which sessions of a project are focused: one value for all gateways.
//!
//! The rule is `session`'s: it makes steps of what somebody wants. The store takes them, compare-
//! and-write on the version that they were made for, gives each its own version and publishes the
//! whole set with it. Whoever loses a race reads again. So what is simulated is what runs.
//!
//! **A session that closes or is suspended is unfocused by the store itself**, in the write of its
//! record that says so: every end passes there, whoever causes it (a client, an exit, a worker that
//! asserts what happened while the store was away), and nobody can come between.

use async_trait::async_trait;
use termfleet_runtime::clock;
use termfleet_session::{
    focus::{Change, FocusSet, Step},
    ids::{FocusVersion, ProjectId, TenantId},
};

use crate::error::StoreError;

/// How often a change is made anew before somebody else is to try: each gateway sends one change of
/// a project at a time, so as many lost races in a row mean that something is wrong.
const ATTEMPTS: usize = 16;

/// The focus sets of projects.
#[async_trait]
pub trait Focus: Send + Sync {
    /// The project's set, each member with the newest activity that is known of its session. Where
    /// nothing was ever focused it is empty, at version 0.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn focused(&self, tenant: &TenantId, project: &ProjectId)
    -> Result<FocusSet, StoreError>;

    /// Takes a change that was made for the set at that version; answers the set after each step.
    /// Steps and touches count as activity of their sessions.
    ///
    /// # Errors
    /// `FocusMoved` if the set is at another version, `NotFound` if a session that would gain the
    /// focus is none of the project's unclosed ones. Nothing is changed then.
    async fn refocus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        seen: FocusVersion,
        change: &Change,
    ) -> Result<Vec<FocusSet>, StoreError>;

    /// Writes a set that somebody heard of, if the store has lost it: of two sets the one with the
    /// higher version holds. Answers the one that holds. Again and again is fine.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn assert_focus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        set: &FocusSet,
    ) -> Result<FocusSet, StoreError>;
}

/// What somebody wants of a project's focus.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The project's tenant.
    pub tenant: TenantId,
    /// The project.
    pub project: ProjectId,
    /// Whose focus, in this order.
    pub steps: Vec<Step>,
    /// The version that they decided by, if they insist.
    pub expected: Option<FocusVersion>,
    /// How many may be focused at a time.
    pub max: usize,
}

/// What became of the focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What was done, …
    pub steps: Vec<Step>,
    /// … and the set after each of them.
    pub sets: Vec<FocusSet>,
    /// The set as it is now.
    pub set: FocusSet,
}

/// Why the focus was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// It is not as the caller expected.
    #[error("the focus set is at version {}", .0.version)]
    Conflict(FocusSet),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes a project's focus: reads, decides by the rule, writes, and after a lost race again.
///
/// # Errors
/// `Conflict` with the set as it is; else the store's own, `FocusMoved` after too many lost races.
pub async fn change(store: &dyn Focus, wanted: &Wanted) -> Result<Changed, NotChanged> {
    let Wanted { tenant, project, steps, expected, max } = wanted;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let set = store.focused(tenant, project).await?;
        let decided = set.change(steps, *expected, *max, clock::now_ms());
        let Ok(change) = decided else { return Err(NotChanged::Conflict(set)) };
        if change == Change::default() {
            return Ok(Changed { steps: Vec::new(), sets: Vec::new(), set });
        }
        match store.refocus(tenant, project, set.version, &change).await {
            Ok(sets) => {
                let set = sets.last().cloned().unwrap_or(set);
                return Ok(Changed { steps: change.steps, sets, set });
            }
            Err(StoreError::FocusMoved { .. }) if attempts < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
}
