//! Which sessions of a project are focused, as a rule: how a change becomes steps, and what each
//! step makes of the set. Pure; the store gives the versions and publishes, and does with every step
//! exactly what [`FocusSet::take`] does here.
//!
//! A version belongs to a whole set, and only grows, also when the store's clock stands still or
//! its last writes were lost; holes are normal. Of two sets the one with the higher version holds.

use serde::{Deserialize, Serialize};

use crate::ids::{FocusVersion, SessionId};

/// A focused session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The session.
    pub session: SessionId,
    /// Since when it is focused, in milliseconds since 1970.
    pub focused_at_ms: u64,
    /// When somebody last focused, typed into or resized it, exact to 10 s.
    pub active_ms: u64,
}

/// The focused sessions of one project at one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FocusSet {
    /// Grows with every step. 0: nothing was ever focused.
    pub version: FocusVersion,
    /// The longest focused first.
    pub members: Vec<Member>,
}

/// One session's focus, wanted or taken: one version of the set, and one message to clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The session.
    pub session: SessionId,
    /// It gains the focus; else it loses it.
    pub focused: bool,
}

/// What a change comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// What becomes of the set, in order: an eviction stands before the focus that caused it.
    pub steps: Vec<Step>,
    /// Sessions that were focused already: only their activity is noted.
    pub touched: Vec<SessionId>,
}

/// The set is at another version than the client expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the focus set is at version {current}")]
pub struct Conflict {
    /// The version it is at.
    pub current: FocusVersion,
}

impl Step {
    /// The session is to be focused.
    #[must_use]
    pub const fn focus(session: SessionId) -> Self {
        Self { session, focused: true }
    }

    /// The session is to be focused no longer.
    #[must_use]
    pub const fn unfocus(session: SessionId) -> Self {
        Self { session, focused: false }
    }
}

impl FocusSet {
    /// What a change that somebody wants comes to, at most `max` being focused at a time.
    /// Focusing beyond that unfocuses the least active (of those the longest focused) first.
    ///
    /// # Errors
    /// [`Conflict`] if the set is at another version than `expected`: nothing is to be changed.
    pub fn change(
        &self,
        wanted: &[Step],
        expected: Option<FocusVersion>,
        max: usize,
        now_ms: u64,
    ) -> Result<Change, Conflict> {
        if expected.is_some_and(|expected| expected != self.version) {
            return Err(Conflict { current: self.version });
        }
        let mut set = self.clone();
        let mut change = Change::default();
        for step in wanted {
            match (step.focused, set.position(&step.session)) {
                (true, Some(at)) => {
                    set.members[at].active_ms = set.members[at].active_ms.max(now_ms);
                    note(&mut change.touched, &step.session);
                }
                (true, None) => {
                    // More than one only where the limit was lowered since.
                    while set.members.len() >= max.max(1) {
                        let Some(evicted) = set.least_active() else { break };
                        set.take_noted(Step::unfocus(evicted), now_ms, &mut change.steps);
                    }
                    set.take_noted(step.clone(), now_ms, &mut change.steps);
                }
                (false, Some(_)) => set.take_noted(step.clone(), now_ms, &mut change.steps),
                (false, None) => {}
            }
        }
        // What is no longer focused at the end has nothing to be touched.
        change.touched.retain(|session| set.contains(session));
        Ok(change)
    }

    /// Takes a step at this time of the store. False: it changes nothing, and is no new version.
    pub fn take(&mut self, step: &Step, now_ms: u64) -> bool {
        let at = self.position(&step.session);
        match (step.focused, at) {
            (true, None) => {
                let session = step.session.clone();
                self.members.push(Member { session, focused_at_ms: now_ms, active_ms: now_ms });
            }
            (false, Some(at)) => {
                self.members.remove(at);
            }
            (true, Some(_)) | (false, None) => return false,
        }
        self.version = self.version.next(now_ms);
        true
    }

    /// Notes that somebody used a focused session. It is no new version: nobody is told.
    pub fn touch(&mut self, session: &SessionId, active_ms: u64) {
        if let Some(at) = self.position(session) {
            self.members[at].active_ms = self.members[at].active_ms.max(active_ms);
        }
    }

    /// Is the session focused?
    #[must_use]
    pub fn contains(&self, session: &SessionId) -> bool {
        self.position(session).is_some()
    }

    /// Where the session stands, the longest focused being at 0.
    #[must_use]
    pub fn position(&self, session: &SessionId) -> Option<usize> {
        self.members.iter().position(|member| member.session == *session)
    }

    /// The focused sessions, the longest focused first.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.members.iter().map(|member| &member.session)
    }

    /// What whoever knows this set has to be told to know that one: who lost the focus, then who
    /// gained it. Between two sets that follow each other that is the step itself.
    #[must_use]
    pub fn steps_to(&self, newer: &Self) -> Vec<Step> {
        let lost = self.sessions().filter(|session| !newer.contains(session));
        let gained = newer.sessions().filter(|session| !self.contains(session));
        let lost = lost.cloned().map(Step::unfocus);
        lost.chain(gained.cloned().map(Step::focus)).collect()
    }

    fn least_active(&self) -> Option<SessionId> {
        // The first of several that are equal: the longest focused.
        let least = self.members.iter().min_by_key(|member| member.active_ms);
        least.map(|member| member.session.clone())
    }

    fn take_noted(&mut self, step: Step, now_ms: u64, steps: &mut Vec<Step>) {
        if self.take(&step, now_ms) {
            steps.push(step);
        }
    }
}

fn note(touched: &mut Vec<SessionId>, session: &SessionId) {
    if !touched.contains(session) {
        touched.push(session.clone());
    }
}

#[cfg(test)]
mod tests;
