//! Focus in Redis: one value for each project, read, changed by `session`'s rule, and written if it
//! is still what was read.
//!
//! A session that closes or is suspended loses its focus in the very write of its record
//! (`records`); here is what that write needs to know.

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use termfleet_session::{
    focus::{Change, FocusSet, Step},
    ids::{FocusVersion, ProjectId, SessionId, TenantId},
    record::Session,
    state::Status,
};

use super::{
    RedisStore,
    records::{attempts, lost_every_race, parse, show},
    script::{Arg, CLOCK, FOCUS},
};
use crate::{
    bus::Hint,
    change::Change as Update,
    error::StoreError,
    focus::Focus,
    rule::{Now, Step as Write},
};

/// Sessions whose activity is read or noted at once.
const AT_ONCE: usize = 16;

/// A focus set as it stands in Redis.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Its very text, which says at the write whether it is still the same. Empty: there is none.
    pub(super) text: String,
    pub(super) set: FocusSet,
}

/// What a write of a record does to the focus.
#[derive(Debug, Default)]
pub(super) struct Unfocus {
    /// The text that must still stand; None where the focus does not matter.
    pub(super) seen: Option<String>,
    /// The set without the session, and how it is told; empty where it was not focused.
    pub(super) text: String,
    pub(super) hint: String,
    /// How long that set is kept, in ms (0: for ever).
    pub(super) kept_ms: u64,
}

#[async_trait]
impl Focus for RedisStore {
    async fn focused(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<FocusSet, StoreError> {
        let mut set = self.kept(tenant, project).await?.set;
        let ids: Vec<SessionId> = set.sessions().cloned().collect();
        let read = |id: SessionId| async move { self.read(&id).await };
        let stored: Vec<_> =
            stream::iter(ids.into_iter().map(read)).buffered(AT_ONCE).try_collect().await?;
        for session in stored.iter().filter_map(|stored| stored.session.as_ref()) {
            let active = session.last_activity_at.as_millisecond().max(0).unsigned_abs();
            set.touch(&session.id, active);
        }
        Ok(set)
    }

    async fn refocus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        seen: FocusVersion,
        change: &Change,
    ) -> Result<Vec<FocusSet>, StoreError> {
        for _ in attempts() {
            let now = self.now(tenant, project).await?;
            let kept = self.kept(tenant, project).await?;
            if kept.set.version != seen {
                return Err(StoreError::FocusMoved { current: kept.set.version });
            }
            let (mut set, mut sets) = (kept.set.clone(), Vec::new());
            for step in &change.steps {
                if set.take(step, now.ms) {
                    sets.push(set.clone());
                }
            }
            for session in &change.touched {
                set.touch(session, now.ms);
            }
            let gaining = change.steps.iter().filter(|step| step.focused);
            let gaining: Vec<_> = gaining.map(|step| step.session.clone()).collect();
            if self.put_focus(tenant, project, &kept, &set, &gaining, &sets).await? {
                let active = gaining.iter().chain(&change.touched).cloned().collect();
                self.note_activity(active, now).await;
                return Ok(sets);
            }
        }
        Err(lost_every_race())
    }

    async fn assert_focus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        set: &FocusSet,
    ) -> Result<FocusSet, StoreError> {
        for _ in attempts() {
            let kept = self.kept(tenant, project).await?;
            if kept.set.version >= set.version {
                return Ok(kept.set);
            }
            let told = std::slice::from_ref(set);
            if self.put_focus(tenant, project, &kept, set, &[], told).await? {
                return Ok(set.clone());
            }
        }
        Err(lost_every_race())
    }
}

impl RedisStore {
    async fn kept(&self, tenant: &TenantId, project: &ProjectId) -> Result<Kept, StoreError> {
        let key = self.keys.focus(tenant, project);
        let mut get = redis::cmd("GET");
        get.arg(&key);
        let Some(text) = self.client.query::<Option<String>>(&get).await? else {
            return Ok(Kept::default());
        };
        let set = parse(&text, &key)?;
        Ok(Kept { text, set })
    }

    /// What a write of this record does to the focus of its project.
    pub(super) async fn unfocusing(
        &self,
        session: &Session,
        now: Now,
    ) -> Result<Unfocus, StoreError> {
        if !matches!(session.status, Status::Closed | Status::Suspended) {
            return Ok(Unfocus::default());
        }
        let Kept { text: seen, mut set } = self.kept(&session.tenant, &session.project).await?;
        let seen = Some(seen);
        if !set.take(&Step::unfocus(session.id.clone()), now.ms) {
            return Ok(Unfocus { seen, ..Unfocus::default() });
        }
        let (text, kept_ms) = (show(&set)?, self.kept_ms(&set));
        Ok(Unfocus { seen, text, hint: show(&Hint::Focus { set })?, kept_ms })
    }

    /// Writes the set if the kept one still stands, and all that would gain the focus are sessions.
    /// False if it does not.
    async fn put_focus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        kept: &Kept,
        set: &FocusSet,
        gaining: &[SessionId],
        told: &[FocusSet],
    ) -> Result<bool, StoreError> {
        let keys = [&*self.keys.focus(tenant, project), &self.keys.sessions(tenant, project)];
        let (text, channel) = (show(set)?, self.keys.events(tenant, project));
        let hints: Result<Vec<_>, _> =
            told.iter().map(|set| show(&Hint::Focus { set: set.clone() })).collect();
        let hints = hints?;
        let mut args: Vec<Arg<'_>> = vec![
            (&kept.text).into(),
            (&text).into(),
            self.kept_ms(set).into(),
            (&channel).into(),
            (gaining.len() as u64).into(),
        ];
        args.extend(gaining.iter().map(|id| Arg::from(id.as_str())));
        args.extend(hints.iter().map(Arg::from));
        let answer: String = self.client.run(&FOCUS, &keys, &args).await?;
        match &*answer {
            "put" => Ok(true),
            "moved" => Ok(false),
            _ => Err(self.doubt(StoreError::NotFound)),
        }
    }

    /// An empty set is forgotten after a while: versions are never below the time of their step, so
    /// they go on growing.
    fn kept_ms(&self, set: &FocusSet) -> u64 {
        if set.members.is_empty() { self.timings.linger_ms } else { 0 }
    }

    /// Focus is activity. It is noted apart from the set, as all activity is: exact to some seconds.
    async fn note_activity(&self, ids: Vec<SessionId>, now: Now) {
        let note = |id: SessionId| async move {
            let noted = self.change(&id, |stored, _| {
                let mut session = stored.ok_or(StoreError::NotFound)?.clone();
                let active = Update { last_activity_at: Some(now.at), ..Update::default() };
                active.apply(&mut session, now.at);
                Ok(Write::Quiet(session))
            });
            // It may have ended meanwhile.
            let _ = noted.await;
        };
        stream::iter(ids.into_iter().map(note)).buffered(AT_ONCE).collect::<Vec<_>>().await;
    }

    /// The time where the project's keys are.
    async fn now(&self, tenant: &TenantId, project: &ProjectId) -> Result<Now, StoreError> {
        let key = self.keys.focus(tenant, project);
        Ok(Now::of(self.client.run(&CLOCK, &[&key], &[]).await?))
    }
}
