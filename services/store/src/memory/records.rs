//! How a record that stands may change, and who may change it: the second half of [`Book`].

use termfleet_session::{
    ids::{Epoch, SessionId},
    record::{Counters, Owner, Patch, Session},
    state::Status,
};

use super::{
    Now,
    book::{Book, check_tag},
};
use crate::{
    bus::What,
    change::{self, Change},
    directory::{Fence, Touch},
    error::StoreError,
};

impl Book {
    pub(super) fn patch(
        &mut self,
        id: &SessionId,
        patch: Patch,
        now: Now,
    ) -> Result<Session, StoreError> {
        let mut session = self.unclosed(id)?.clone();
        patch.apply(&mut session, now.at);
        Ok(self.write(session, What::Updated, now))
    }

    pub(super) fn update(
        &mut self,
        id: &SessionId,
        fence: &Fence,
        change: Change,
        now: Now,
    ) -> Result<Session, StoreError> {
        let stored = self.get(id).ok_or(StoreError::NotFound)?;
        check_fence(stored, fence)?;
        let mut session = stored.clone();
        if session.status == Status::Closed {
            let again = change.status == Some(Status::Closed);
            return if again { Ok(session) } else { Err(StoreError::Ended) };
        }
        if change.apply(&mut session, now.at) {
            Ok(self.write(session, What::Updated, now))
        } else {
            Ok(self.write_quietly(session))
        }
    }

    pub(super) fn touch(
        &mut self,
        owner: &Owner,
        touch: &Touch,
        now: Now,
    ) -> Result<(), StoreError> {
        let Touch { id, epoch, last_activity_at, counters } = touch;
        let fence = Fence { owner: owner.clone(), epoch: *epoch };
        let change = Change {
            last_activity_at: Some(*last_activity_at),
            counters: Some(*counters),
            ..Change::default()
        };
        self.update(id, &fence, change, now).map(|_| ())
    }

    pub(super) fn assert(&mut self, session: Session, now: Now) -> Result<Session, StoreError> {
        check_tag(&session.id, &session.tenant, &session.project)?;
        let Some(stored) = self.get(&session.id) else {
            return self.assert_lost(session, now);
        };
        let stored = stored.clone();
        let theirs = stored.epoch == session.epoch && stored.owner != session.owner;
        if stored.epoch > session.epoch || theirs {
            return Err(StoreError::Superseded { current: stored.epoch });
        }
        if stored.status == Status::Closed {
            let again = session.status == Status::Closed && stored.epoch == session.epoch;
            return if again { Ok(stored) } else { Err(StoreError::Ended) };
        }
        let mut merged = change::merge(&stored, session, now.at);
        self.name(&mut merged);
        if change::tells(&stored, &merged) {
            merged.updated_at = now.at;
            Ok(self.write(merged, What::Updated, now))
        } else {
            Ok(self.write_quietly(merged))
        }
    }

    pub(super) fn claim(
        &mut self,
        id: &SessionId,
        seen: Epoch,
        owner: Owner,
        now: Now,
    ) -> Result<Session, StoreError> {
        let stored = self.unclosed(id)?;
        check_epoch(stored, seen)?;
        let session = Session {
            owner: Some(owner),
            epoch: stored.epoch.next(now.ms),
            process_id: None,
            counters: Counters::default(),
            updated_at: now.at,
            ..stored.clone()
        };
        Ok(self.write(session, What::Updated, now))
    }

    /// Writes what the store has lost. What closed so long ago that its record would be gone was
    /// not lost.
    fn assert_lost(&mut self, session: Session, now: Now) -> Result<Session, StoreError> {
        if session.status == Status::Closed && self.gone_ms(&session, now) <= now.ms {
            return Err(StoreError::Ended);
        }
        Ok(self.open(session, now))
    }

    fn unclosed(&self, id: &SessionId) -> Result<&Session, StoreError> {
        let session = self.get(id).ok_or(StoreError::NotFound)?;
        if session.status == Status::Closed { Err(StoreError::Ended) } else { Ok(session) }
    }
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
