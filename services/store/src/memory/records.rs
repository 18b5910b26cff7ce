//! How a record that stands may change: the second half of [`Book`]. What is allowed is decided in
//! `rule`; here is what follows.

use termfleet_session::{
    ids::{Epoch, SessionId},
    record::{Owner, Patch, Session},
};

use super::book::Book;
use crate::{
    change::Change,
    directory::{Fence, Touch},
    error::StoreError,
    rule::{self, Asserted, Now, Step},
};

impl Book {
    pub(super) fn patch(
        &mut self,
        id: &SessionId,
        patch: Patch,
        now: Now,
    ) -> Result<Session, StoreError> {
        let step = rule::patch(self.get(id), patch, now)?;
        Ok(self.take(step, now))
    }

    pub(super) fn update(
        &mut self,
        id: &SessionId,
        fence: &Fence,
        change: Change,
        now: Now,
    ) -> Result<Session, StoreError> {
        let step = rule::update(self.get(id), fence, change, now)?;
        Ok(self.take(step, now))
    }

    pub(super) fn touch(
        &mut self,
        owner: &Owner,
        touch: &Touch,
        now: Now,
    ) -> Result<(), StoreError> {
        let (fence, change) = touch.parts(owner);
        self.update(&touch.id, &fence, change, now).map(|_| ())
    }

    pub(super) fn assert(&mut self, session: Session, now: Now) -> Result<Session, StoreError> {
        let stored = self.get(&session.id).cloned();
        let asserted = rule::assert(stored.as_ref(), session, now, self.linger_ms())?;
        match (asserted, stored) {
            (Asserted::Merged(mut merged), Some(stored)) => {
                self.name(&mut merged);
                Ok(self.take(rule::settle(&stored, merged, now), now))
            }
            (Asserted::Lost(session) | Asserted::Merged(session), _) => Ok(self.open(session, now)),
            (Asserted::Same(session), _) => Ok(session),
        }
    }

    pub(super) fn claim(
        &mut self,
        id: &SessionId,
        seen: Epoch,
        owner: Owner,
        now: Now,
    ) -> Result<Session, StoreError> {
        let step = rule::claim(self.get(id), seen, owner, now)?;
        Ok(self.take(step, now))
    }

    fn take(&mut self, step: Step, now: Now) -> Session {
        match step {
            Step::Same(session) => session,
            Step::Quiet(session) => self.write_quietly(session),
            Step::Told(session, what) => self.write(session, what, now),
        }
    }
}
