//! What becomes of a record when somebody asks: the decisions, pure, for every store alike.
//!
//! A store finds the record, asks here, and does what it is told with all that follows for it:
//! places, aliases, hints. So two stores cannot come to differ in what they allow.

use jiff::Timestamp;
use termfleet_session::{
    ids::{Epoch, ProjectId, SessionId, Tag, TenantId},
    record::{Counters, Owner, Patch, Session},
    state::Status,
};

use crate::{
    bus::What,
    change::{self, Change},
    directory::Fence,
    error::StoreError,
};

/// The time of one operation, in both of its forms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) ms: u64,
    pub(crate) at: Timestamp,
}

impl Now {
    pub(crate) fn of(ms: u64) -> Self {
        // Beyond the year 9999 only a broken clock can be.
        let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self { ms, at: at.unwrap_or(Timestamp::MAX) }
    }
}

/// What is to be done with the record.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing: it is so already.
    Same(Session),
    /// Write it; nobody needs to hear.
    Quiet(Session),
    /// Write it and tell.
    Told(Session, What),
}

/// What an assertion comes to, before it is known whether the session may have its alias.
#[derive(Debug)]
pub(crate) enum Asserted {
    /// It is closed, and was asserted to be.
    Same(Session),
    /// There is no record: write this one.
    Lost(Session),
    /// The record becomes this one.
    Merged(Session),
}

pub(crate) fn patch(stored: Option<&Session>, patch: Patch, now: Now) -> Result<Step, StoreError> {
    let mut session = unclosed(stored)?.clone();
    patch.apply(&mut session, now.at);
    Ok(Step::Told(session, What::Updated))
}

pub(crate) fn update(
    stored: Option<&Session>,
    fence: &Fence,
    change: Change,
    now: Now,
) -> Result<Step, StoreError> {
    let stored = stored.ok_or(StoreError::NotFound)?;
    check_fence(stored, fence)?;
    let mut session = stored.clone();
    if session.status == Status::Closed {
        let again = change.status == Some(Status::Closed);
        return if again { Ok(Step::Same(session)) } else { Err(StoreError::Ended) };
    }
    let telling = change.apply(&mut session, now.at);
    Ok(if telling { Step::Told(session, What::Updated) } else { Step::Quiet(session) })
}

pub(crate) fn claim(
    stored: Option<&Session>,
    seen: Epoch,
    owner: Owner,
    now: Now,
) -> Result<Step, StoreError> {
    let stored = unclosed(stored)?;
    check_epoch(stored, seen)?;
    let session = Session {
        owner: Some(owner),
        epoch: stored.epoch.next(now.ms),
        process_id: None,
        counters: Counters::default(),
        updated_at: now.at,
        ..stored.clone()
    };
    Ok(Step::Told(session, What::Updated))
}

/// Is this commit the one that made the record, again? Its answer was lost; else somebody else was
/// given the same id.
pub(crate) fn commit_again(stored: &Session, session: &Session) -> Result<(), StoreError> {
    let again = stored.epoch == session.epoch && stored.owner == session.owner;
    if again { Ok(()) } else { Err(StoreError::Superseded { current: stored.epoch }) }
}

pub(crate) fn assert(
    stored: Option<&Session>,
    session: Session,
    now: Now,
    linger_ms: u64,
) -> Result<Asserted, StoreError> {
    check_tag(&session.id, &session.tenant, &session.project)?;
    let Some(stored) = stored else {
        // What closed so long ago that its record would be gone was not lost.
        let over = session.status == Status::Closed && gone_ms(&session, now, linger_ms) <= now.ms;
        return if over { Err(StoreError::Ended) } else { Ok(Asserted::Lost(session)) };
    };
    let theirs = stored.epoch == session.epoch && stored.owner != session.owner;
    if stored.epoch > session.epoch || theirs {
        return Err(StoreError::Superseded { current: stored.epoch });
    }
    if stored.status == Status::Closed {
        let again = session.status == Status::Closed && stored.epoch == session.epoch;
        return if again { Ok(Asserted::Same(stored.clone())) } else { Err(StoreError::Ended) };
    }
    Ok(Asserted::Merged(change::merge(stored, session, now.at)))
}

/// What is to be done with a merged record, once it has its alias or not.
pub(crate) fn settle(stored: &Session, mut merged: Session, now: Now) -> Step {
    if change::tells(stored, &merged) {
        merged.updated_at = now.at;
        Step::Told(merged, What::Updated)
    } else if merged == *stored {
        Step::Same(merged)
    } else {
        Step::Quiet(merged)
    }
}

/// A record as it is first written.
pub(crate) fn opened(mut session: Session, now: Now) -> Session {
    let status = session.status;
    change::enter(&mut session, status, now.at);
    session
}

/// When the record of a closed session goes. It was last changed when it closed, also if it is
/// asserted later.
pub(crate) fn gone_ms(session: &Session, now: Now, linger_ms: u64) -> u64 {
    let closed_ms = u64::try_from(session.updated_at.as_millisecond()).unwrap_or_default();
    closed_ms.min(now.ms).saturating_add(linger_ms)
}

/// Does the id begin with the tag of that project?
pub(crate) fn check_tag(
    id: &SessionId,
    tenant: &TenantId,
    project: &ProjectId,
) -> Result<(), StoreError> {
    let ours = id.tag() == Tag::of(tenant, project).to_string();
    if ours { Ok(()) } else { Err(StoreError::Misplaced) }
}

fn unclosed(stored: Option<&Session>) -> Result<&Session, StoreError> {
    let stored = stored.ok_or(StoreError::NotFound)?;
    if stored.status == Status::Closed { Err(StoreError::Ended) } else { Ok(stored) }
}

/// Does the record belong to whoever shows this fence?
fn check_fence(stored: &Session, fence: &Fence) -> Result<(), StoreError> {
    check_epoch(stored, fence.epoch)?;
    if stored.owner.as_ref() == Some(&fence.owner) {
        Ok(())
    } else {
        Err(StoreError::Superseded { current: stored.epoch })
    }
}

fn check_epoch(stored: &Session, epoch: Epoch) -> Result<(), StoreError> {
    if stored.epoch > epoch {
        return Err(StoreError::Superseded { current: stored.epoch });
    }
    if stored.epoch < epoch {
        return Err(StoreError::Outdated { stored: stored.epoch });
    }
    Ok(())
}
