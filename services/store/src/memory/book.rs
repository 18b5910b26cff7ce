//! What the memory store knows: reservations, records and the places they take. Pure: time comes in
//! with each call, hints are collected for whoever publishes them. How a record that stands may
//! change is in `records`.

use std::collections::{BTreeSet, HashMap};

use termfleet_session::{
    ids::{Alias, ProjectId, SessionId, TenantId, UserId},
    record::Session,
    state::Status,
};

use super::{
    Now,
    focus::Focuses,
    places::{Place, Places},
    repeats::Repeats,
};
use crate::{
    bus::{Hint, Subject, What},
    directory::{Reservation, Timings},
    error::StoreError,
    repeat::Request,
    rule,
};

/// A hint and what it is about.
pub(super) type Published = (Subject, Hint);

/// Everything that is under the store's lock.
#[derive(Debug, Default)]
pub(super) struct Book {
    timings: Timings,
    records: HashMap<SessionId, Session>,
    reserved: HashMap<SessionId, Held>,
    places: Places,
    repeats: Repeats,
    pub(super) focuses: Focuses,
    /// When something expires: a reservation, or the record of a closed session. An id is never
    /// both, and stands here once.
    due: BTreeSet<(u64, SessionId)>,
    hints: Vec<Published>,
    version: u64,
}

#[derive(Debug)]
struct Held {
    reservation: Reservation,
    until_ms: u64,
}

impl Book {
    pub(super) fn new(timings: Timings) -> Self {
        Self { timings, ..Self::default() }
    }

    pub(super) fn get(&self, id: &SessionId) -> Option<&Session> {
        self.records.get(id)
    }

    pub(super) fn resolve_alias(&self, tenant: &TenantId, alias: &Alias) -> Option<&SessionId> {
        self.places.holder(tenant, alias)
    }

    pub(super) fn of_project(&self, tenant: &TenantId, project: &ProjectId) -> Vec<Session> {
        self.places.of_project(tenant, project).filter_map(|id| self.get(id)).cloned().collect()
    }

    pub(super) fn of_user(&self, tenant: &TenantId, user: &UserId) -> Vec<Session> {
        self.places.of_user(tenant, user).filter_map(|id| self.get(id)).cloned().collect()
    }

    /// Keeps a hint for whoever publishes it.
    pub(super) fn hint(&mut self, hint: Published) {
        self.hints.push(hint);
    }

    /// The hints since the last time.
    pub(super) fn hints(&mut self) -> Vec<Published> {
        std::mem::take(&mut self.hints)
    }

    pub(super) fn reserve(
        &mut self,
        reservation: &Reservation,
        now: Now,
    ) -> Result<(), StoreError> {
        let Reservation { id, tenant, project, user: _, alias, limits } = reservation;
        rule::check_tag(id, tenant, project)?;
        if self.reserved.get(id).is_some_and(|held| held.reservation == *reservation) {
            self.hold(reservation, now);
            return Ok(());
        }
        if self.reserved.contains_key(id) || self.records.contains_key(id) {
            return Err(StoreError::AlreadyExists);
        }
        if let Some(holder) = alias.as_ref().and_then(|alias| self.standing(tenant, alias)) {
            return Err(StoreError::AliasTaken { holder: holder.clone() });
        }
        let place = Place::from(reservation);
        self.places.check(&place, *limits)?;
        self.places.take(&place);
        if let Some(alias) = alias {
            self.places.name(tenant, alias, id);
        }
        self.hold(reservation, now);
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: &SessionId) {
        if let Some(Held { reservation, until_ms }) = self.reserved.remove(id) {
            self.due.remove(&(until_ms, id.clone()));
            self.places.free(&Place::from(&reservation));
            self.places.unname(&reservation.tenant, reservation.alias.as_ref(), id);
        }
    }

    pub(super) fn commit(&mut self, session: Session, now: Now) -> Result<Session, StoreError> {
        if let Some(stored) = self.get(&session.id) {
            rule::commit_again(stored, &session)?;
            return Ok(stored.clone());
        }
        let stands = self.reserved.get(&session.id).is_some_and(|held| {
            Place::from(&held.reservation) == Place::from(&session)
                && held.reservation.alias == session.alias
        });
        if !stands {
            return Err(StoreError::ReservationGone);
        }
        Ok(self.open(Session { updated_at: now.at, ..session }, now))
    }

    /// Which session the request makes, or made the first time.
    pub(super) fn begin(
        &mut self,
        request: &Request,
        id: &SessionId,
        now: Now,
    ) -> Result<SessionId, StoreError> {
        let until_ms = now.ms.saturating_add(self.timings.linger_ms);
        self.repeats.begin(request, id, now.ms, until_ms)
    }

    pub(super) fn forget(&mut self, request: &Request, id: &SessionId) {
        self.repeats.forget(request, id);
    }

    /// Frees all that has expired, what nothing else looks at included.
    pub(super) fn sweep(&mut self, now: Now) -> usize {
        self.repeats.expire(now.ms);
        self.focuses.expire(now.ms, self.timings.linger_ms);
        self.expire(now)
    }

    /// Frees what has expired; answers how much that was.
    pub(super) fn expire(&mut self, now: Now) -> usize {
        let mut freed = 0;
        while self.due.first().is_some_and(|(at_ms, _)| *at_ms <= now.ms) {
            let Some((_, id)) = self.due.pop_first() else { break };
            self.cancel(&id);
            if let Some(session) = self.records.remove(&id) {
                self.places.unname(&session.tenant, session.alias.as_ref(), &id);
            }
            freed += 1;
        }
        freed
    }

    /// Writes a record where there was none; a reservation of that id turns into it. An alias that
    /// another session has is dropped.
    pub(super) fn open(&mut self, mut session: Session, now: Now) -> Session {
        self.cancel(&session.id);
        session = rule::opened(session, now);
        self.name(&mut session);
        self.write(session, What::Created, now)
    }

    /// Gives the session its alias, or takes it out of the record if another has it.
    pub(super) fn name(&mut self, session: &mut Session) {
        let Some(alias) = session.alias.take() else { return };
        if self.standing(&session.tenant, &alias).is_none_or(|holder| *holder == session.id) {
            self.places.name(&session.tenant, &alias, &session.id);
            session.alias = Some(alias);
        }
    }

    /// Writes a record with all that follows: its places, its end, a hint, and the loss of its focus.
    pub(super) fn write(&mut self, session: Session, what: What, now: Now) -> Session {
        let place = Place::from(&session);
        let what = if session.status == Status::Closed {
            self.places.free(&place);
            self.due.insert((rule::gone_ms(&session, now, self.timings.linger_ms), place.id));
            What::Closed
        } else {
            self.places.take(&place);
            what
        };
        self.version = now.ms.max(self.version + 1);
        let hint = Hint::Session { what, id: session.id.clone(), version: self.version };
        self.hint((Subject::Project(session.tenant.clone(), session.project.clone()), hint));
        if what == What::Created {
            let creation = Hint::Creation { id: session.id.clone(), alias: session.alias.clone() };
            self.hint((Subject::Creations(session.tenant.clone()), creation));
        }
        self.unfocus_if_away(&session, now);
        self.write_quietly(session)
    }

    /// Writes a record in which only activity and counters are new.
    pub(super) fn write_quietly(&mut self, session: Session) -> Session {
        self.records.insert(session.id.clone(), session.clone());
        session
    }

    pub(super) fn linger_ms(&self) -> u64 {
        self.timings.linger_ms
    }

    /// Starts the time of a reservation, or starts it again.
    fn hold(&mut self, reservation: &Reservation, now: Now) {
        let until_ms = now.ms.saturating_add(self.timings.reservation_ms);
        let held = Held { reservation: reservation.clone(), until_ms };
        if let Some(before) = self.reserved.insert(reservation.id.clone(), held) {
            self.due.remove(&(before.until_ms, reservation.id.clone()));
        }
        self.due.insert((until_ms, reservation.id.clone()));
    }

    /// Who has the alias and keeps others from it: closed sessions do not.
    fn standing(&self, tenant: &TenantId, alias: &Alias) -> Option<&SessionId> {
        let closed = |id| self.get(id).is_some_and(|session| session.status == Status::Closed);
        self.places.holder(tenant, alias).filter(|id| !closed(id))
    }

    /// Is nothing kept at all, not even an empty set?
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            timings: _,
            records,
            reserved,
            places,
            repeats,
            focuses,
            due,
            hints,
            version: _,
        } = self;
        records.is_empty()
            && reserved.is_empty()
            && places.is_empty()
            && repeats.is_empty()
            && focuses.is_empty()
            && due.is_empty()
            && hints.is_empty()
    }
}
