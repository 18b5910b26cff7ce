//! Focus in memory: the third part of [`Book`]. What a step does to a set is `session`'s rule.

use std::collections::HashMap;

use termfleet_session::{
    focus::{Change, FocusSet, Step},
    ids::{FocusVersion, ProjectId, SessionId, TenantId},
    record::Session,
    state::Status,
};

use super::{Now, book::Book};
use crate::{
    bus::{Hint, Subject},
    error::StoreError,
};

/// The focus sets, by project.
#[derive(Debug, Default)]
pub(super) struct Focuses {
    sets: HashMap<(TenantId, ProjectId), FocusSet>,
}

impl Focuses {
    fn get(&self, tenant: &TenantId, project: &ProjectId) -> FocusSet {
        self.sets.get(&(tenant.clone(), project.clone())).cloned().unwrap_or_default()
    }

    fn put(&mut self, tenant: &TenantId, project: &ProjectId, set: FocusSet) {
        self.sets.insert((tenant.clone(), project.clone()), set);
    }

    /// Forgets sets that have been empty for so long. A version is never below the time of its
    /// step, so the next one is above what is forgotten here.
    pub(super) fn expire(&mut self, now_ms: u64, linger_ms: u64) {
        let stays = |set: &FocusSet| {
            !set.members.is_empty() || set.version.get().saturating_add(linger_ms) > now_ms
        };
        self.sets.retain(|_, set| stays(set));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

impl Book {
    pub(super) fn focused(&self, tenant: &TenantId, project: &ProjectId) -> FocusSet {
        let mut set = self.focuses.get(tenant, project);
        for session in set.sessions().cloned().collect::<Vec<_>>() {
            set.touch(&session, self.active_ms(&session));
        }
        set
    }

    pub(super) fn refocus(
        &mut self,
        tenant: &TenantId,
        project: &ProjectId,
        seen: FocusVersion,
        change: &Change,
        now: Now,
    ) -> Result<Vec<FocusSet>, StoreError> {
        let mut set = self.focuses.get(tenant, project);
        if set.version != seen {
            return Err(StoreError::FocusMoved { current: set.version });
        }
        let gaining = change.steps.iter().filter(|step| step.focused);
        for Step { session, .. } in gaining {
            if !self.is_of(session, tenant, project) {
                return Err(StoreError::NotFound);
            }
        }
        let mut sets = Vec::new();
        for step in &change.steps {
            if set.take(step, now.ms) {
                self.publish_focus(tenant, project, &set);
                sets.push(set.clone());
            }
            if step.focused {
                self.note_activity(&step.session, now);
            }
        }
        for session in &change.touched {
            set.touch(session, now.ms);
            self.note_activity(session, now);
        }
        self.focuses.put(tenant, project, set);
        Ok(sets)
    }

    pub(super) fn assert_focus(
        &mut self,
        tenant: &TenantId,
        project: &ProjectId,
        set: &FocusSet,
    ) -> FocusSet {
        let stored = self.focuses.get(tenant, project);
        if stored.version >= set.version {
            return stored;
        }
        self.publish_focus(tenant, project, set);
        self.focuses.put(tenant, project, set.clone());
        set.clone()
    }

    /// A session that closed or was suspended is focused no longer.
    pub(super) fn unfocus_if_away(&mut self, session: &Session, now: Now) {
        if !matches!(session.status, Status::Closed | Status::Suspended) {
            return;
        }
        let mut set = self.focuses.get(&session.tenant, &session.project);
        if set.take(&Step::unfocus(session.id.clone()), now.ms) {
            self.publish_focus(&session.tenant, &session.project, &set);
            self.focuses.put(&session.tenant, &session.project, set);
        }
    }

    fn publish_focus(&mut self, tenant: &TenantId, project: &ProjectId, set: &FocusSet) {
        let hint = Hint::Focus { set: set.clone() };
        self.hint((Subject::Project(tenant.clone(), project.clone()), hint));
    }

    /// Is it one of the project's unclosed sessions?
    fn is_of(&self, id: &SessionId, tenant: &TenantId, project: &ProjectId) -> bool {
        self.get(id).is_some_and(|session| {
            session.status != Status::Closed
                && session.tenant == *tenant
                && session.project == *project
        })
    }

    fn active_ms(&self, id: &SessionId) -> u64 {
        let at = self.get(id).map(|session| session.last_activity_at.as_millisecond());
        at.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default()
    }

    fn note_activity(&mut self, id: &SessionId, now: Now) {
        if let Some(session) = self.get(id).cloned() {
            let last_activity_at = session.last_activity_at.max(now.at);
            self.write_quietly(Session { last_activity_at, ..session });
        }
    }
}
