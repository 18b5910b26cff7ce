//! Focus as clients may change and see it: who may, of which sessions, and how a record shows it.

use std::{collections::HashMap, sync::Arc};

use termfleet_proto::{
    focus::{FocusChange, FocusState, MAX_CHANGES},
    rest,
};
use termfleet_session::{
    code::{Code, Refusal},
    focus::{FocusSet, Step},
    ids::{FocusVersion, ProjectId, TenantId},
    record::Session,
    role::{Actor, Operation},
    state::Status,
};

use super::{Sessions, bad};
use crate::focus::{NotFocused, Refocused};

impl Sessions {
    /// The project's focus. Whoever shares the tenant shares it.
    ///
    /// # Errors
    /// Only the store's.
    pub(crate) async fn focus_of(
        &self,
        actor: &Actor,
        project: &ProjectId,
    ) -> Result<FocusState, Refusal> {
        Ok(self.focuses.read(&Self::home(actor), project).await?)
    }

    /// Gives sessions of a project the focus, or takes it from them, in this order.
    ///
    /// # Errors
    /// `BAD_MESSAGE`, as [`Sessions::find`] of any of them, `SESSION_ENDED` and `SESSION_SUSPENDED`
    /// of one that would gain it, `VERSION_CONFLICT` with the focus as it is.
    pub(crate) async fn refocus(
        &self,
        actor: &Actor,
        project: Option<&ProjectId>,
        changes: Vec<FocusChange>,
        expected: Option<FocusVersion>,
    ) -> Result<Refocused, NotFocused> {
        if changes.is_empty() || changes.len() > MAX_CHANGES {
            return Err(bad(format!("a change names 1 to {MAX_CHANGES} sessions")).into());
        }
        let mut place: Option<(TenantId, ProjectId)> = None;
        let mut steps = Vec::with_capacity(changes.len());
        for FocusChange { session_id, focused } in changes {
            let session = self.find(actor, Operation::Write, &session_id).await?;
            check(&session, focused)?;
            let its = (session.tenant, session.project);
            if project.is_some_and(|project| *project != its.1)
                || place.as_ref().is_some_and(|place| *place != its)
            {
                return Err(bad("a change is of sessions of one project, and of that one").into());
            }
            place = Some(its);
            steps.push(Step { session: session.id, focused });
        }
        let Some((tenant, project)) = place else { return Err(Code::BadMessage.into()) };
        self.focuses.change(&tenant, &project, steps, expected).await
    }

    /// Focuses a session that was just created, where that is configured. The session is there all
    /// the same if it fails.
    pub(super) async fn auto_focus(&self, session: &Session) {
        if !self.auto_focus_new {
            return;
        }
        let steps = vec![Step::focus(session.id.clone())];
        let changed = self.focuses.change(&session.tenant, &session.project, steps, None).await;
        if let Err(NotFocused { refusal, state: _ }) = changed {
            tracing::warn!(%refusal, "a new session was not focused");
        }
    }

    /// Records as clients see them, with what is known of their focus.
    pub(crate) async fn shown(&self, sessions: &[Session]) -> Vec<rest::Session> {
        let mut sets: HashMap<(&TenantId, &ProjectId), Option<Arc<FocusSet>>> = HashMap::new();
        let mut shown = Vec::with_capacity(sessions.len());
        for session in sessions {
            let place = (&session.tenant, &session.project);
            let set = match sets.get(&place) {
                Some(set) => set.clone(),
                None => {
                    let set = self.focuses.glance(place.0, place.1).await;
                    sets.insert(place, set.clone());
                    set
                }
            };
            let record = rest::Session::from(session);
            shown.push(match set {
                Some(set) => record.with_focus(&set),
                None => record,
            });
        }
        shown
    }

    /// One record as clients see it.
    pub(crate) async fn shown_one(&self, session: &Session) -> rest::Session {
        let set = self.focuses.glance(&session.tenant, &session.project).await;
        let record = rest::Session::from(session);
        set.map_or(record.clone(), |set| record.with_focus(&set))
    }

    /// A project's set in words for clients.
    pub(crate) fn focus_state(&self, project: &ProjectId, set: &FocusSet) -> FocusState {
        self.focuses.state(project, set)
    }
}

/// May the session gain the focus? Anything may lose it.
fn check(session: &Session, focused: bool) -> Result<(), Refusal> {
    match session.status {
        _ if !focused => Ok(()),
        Status::Closed => Err(Code::SessionEnded.into()),
        Status::Suspended => Err(Code::SessionSuspended.into()),
        Status::Initializing | Status::Active | Status::Recovering | Status::Error => Ok(()),
    }
}
