//! The directory of sessions in Redis: how the steps of `records` and `places` are put together.
//!
//! A creation reserves in the project first, then of the user, then the alias; a commit confirms the
//! user's place and the alias before the record, and an end writes the record before it frees them.
//! So at every moment, and after every crash, what is not free is at least what must not be.

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use futures_util::{StreamExt, TryStreamExt, stream};
use termfleet_session::{
    ids::{Alias, Epoch, ProjectId, SessionId, TenantId, UserId},
    record::{Owner, Patch, Session},
    state::Status,
};

use super::{
    RedisStore,
    places::Whose,
    records::{Held, Stored, attempts, lost_every_race, show},
    script::{BEGIN, CANCEL, FORGET, RESERVE},
};
use crate::{
    bus::What,
    change::Change,
    directory::{Directory, Fence, Reservation, Touch, Untouched},
    error::StoreError,
    page::{Listing, Page},
    repeat::{KEPT_PER_USER, Request},
    rule::{self, Asserted, Now, Step},
};

/// Records that one call reads or writes at once: enough to hide the way to the server and back, few
/// enough that others' calls come between.
const AT_ONCE: usize = 32;

#[async_trait]
impl Directory for RedisStore {
    async fn reserve(&self, reservation: &Reservation) -> Result<(), StoreError> {
        let Reservation { id, tenant, project, limits, .. } = reservation;
        rule::check_tag(id, tenant, project)?;
        let keys = [
            &*self.keys.session(id),
            &self.keys.sessions(tenant, project),
            &self.keys.reserved(tenant, project),
        ];
        let held = show(&Held::from(reservation))?;
        let limit = limits.per_project;
        let time = self.timings.reservation_ms;
        let args = [id.as_str().into(), (&held).into(), limit.into(), time.into()];
        let answer: String = self.client.run(&RESERVE, &keys, &args).await?;
        match &*answer {
            "held" => {}
            "full" => return Err(StoreError::ProjectFull { limit }),
            _ => return Err(StoreError::AlreadyExists),
        }
        let outside = async {
            self.hold_place(reservation).await?;
            self.name(reservation.into(), time).await
        };
        if let Err(error) = outside.await {
            // What cannot be given back now expires.
            let _ = self.cancel(reservation).await;
            return Err(error);
        }
        Ok(())
    }

    async fn cancel(&self, reservation: &Reservation) -> Result<(), StoreError> {
        let Reservation { id, tenant, project, .. } = reservation;
        let keys = [&*self.keys.session(id), &self.keys.reserved(tenant, project)];
        let committed: (bool, Option<String>) =
            self.client.run(&CANCEL, &keys, &[id.as_str().into()]).await?;
        if committed.0 { Ok(()) } else { self.free_reserved(reservation.into()).await }
    }

    async fn commit(&self, session: Session) -> Result<Session, StoreError> {
        let _turn = self.turns.take(&session.id).await?;
        for _ in attempts() {
            let stored = self.read(&session.id).await?;
            if let Some(found) = stored.session {
                rule::commit_again(&found, &session)?;
                if found.status != Status::Closed {
                    self.confirm_place((&found).into(), false).await?;
                }
                return Ok(found);
            }
            let stands = stored.held.as_ref().is_some_and(|held| held.is_of(&session));
            if !stands || !self.confirm(&session).await? {
                return Err(StoreError::ReservationGone);
            }
            let opened = Session { updated_at: stored.now.at, ..session.clone() };
            let opened = rule::opened(opened, stored.now);
            if self.write(&stored, &opened, Some(What::Created)).await? {
                self.follow(&opened, stored.now).await;
                return Ok(opened);
            }
            // It has expired or was renewed or cancelled: if it is gone, so is its place.
            if self.read(&session.id).await?.held.is_none() {
                self.unconfirm(&session).await;
            }
        }
        Err(lost_every_race())
    }

    async fn get(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let session = self.read(id).await?.session;
        if session.is_none() {
            self.client.unknown()?;
        }
        Ok(session)
    }

    async fn resolve_alias(
        &self,
        tenant: &TenantId,
        alias: &Alias,
    ) -> Result<Option<SessionId>, StoreError> {
        let holder = self.holder(tenant, alias).await?;
        if holder.is_none() {
            self.client.unknown()?;
        }
        Ok(holder)
    }

    async fn list_project(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        page: &Page,
    ) -> Result<Listing, StoreError> {
        let listed = self.listed(&self.keys.sessions(tenant, project)).await?;
        let ours = |session: &Session| session.tenant == *tenant && session.project == *project;
        Ok(page.cut(listed.into_iter().filter(ours).collect()))
    }

    async fn list_user(
        &self,
        tenant: &TenantId,
        user: &UserId,
        page: &Page,
    ) -> Result<Listing, StoreError> {
        let listed = self.listed(&self.keys.user_sessions(tenant, user)).await?;
        let theirs = |session: &Session| session.tenant == *tenant && session.user == *user;
        Ok(page.cut(listed.into_iter().filter(theirs).collect()))
    }

    async fn patch(&self, id: &SessionId, patch: Patch) -> Result<Session, StoreError> {
        let decide = |stored: Option<&Session>, now| rule::patch(stored, patch.clone(), now);
        self.change(id, decide).await.map_err(|error| self.doubt(error))
    }

    async fn update(
        &self,
        id: &SessionId,
        fence: &Fence,
        change: Change,
    ) -> Result<Session, StoreError> {
        let closes = change.status == Some(Status::Closed);
        let decide =
            |stored: Option<&Session>, now| rule::update(stored, fence, change.clone(), now);
        let session = self.change(id, decide).await?;
        if closes {
            // It was last changed when it closed, by the store's clock.
            let closed_ms = session.updated_at.as_millisecond().max(0).unsigned_abs();
            self.follow(&session, Now::of(closed_ms)).await;
        }
        Ok(session)
    }

    async fn touch(&self, owner: &Owner, batch: &[Touch]) -> Result<Vec<Untouched>, StoreError> {
        let touch = async |touch: &Touch| {
            let (fence, change) = touch.parts(owner);
            match self.update(&touch.id, &fence, change).await {
                Ok(_) => Ok(None),
                Err(error @ StoreError::Unavailable { .. }) => Err(error),
                Err(error) => Ok(Some(Untouched { id: touch.id.clone(), error })),
            }
        };
        let touched = stream::iter(batch.iter().map(touch)).buffered(AT_ONCE);
        let untouched: Vec<_> = touched.try_collect().await?;
        Ok(untouched.into_iter().flatten().collect())
    }

    async fn assert(&self, session: Session) -> Result<Session, StoreError> {
        let _turn = self.turns.take(&session.id).await?;
        for _ in attempts() {
            let stored = self.read(&session.id).await?;
            let linger_ms = self.timings.linger_ms;
            let before = stored.session.as_ref();
            let step = match rule::assert(before, session.clone(), stored.now, linger_ms)? {
                Asserted::Same(session) => Step::Same(session),
                Asserted::Lost(lost) => {
                    let lost = self.named(rule::opened(lost, stored.now)).await?;
                    Step::Told(lost, What::Created)
                }
                Asserted::Merged(merged) => {
                    let merged = self.named(merged).await?;
                    match before {
                        Some(before) => rule::settle(before, merged, stored.now),
                        None => Step::Told(merged, What::Created),
                    }
                }
            };
            let (written, session) = match step {
                Step::Same(session) => (true, session),
                Step::Quiet(session) => (self.write(&stored, &session, None).await?, session),
                Step::Told(session, what) => {
                    (self.write(&stored, &session, Some(what)).await?, session)
                }
            };
            if written {
                self.settle_places(&session, stored.held.as_ref(), stored.now).await?;
                return Ok(session);
            }
        }
        Err(lost_every_race())
    }

    async fn claim(
        &self,
        id: &SessionId,
        seen: Epoch,
        owner: Owner,
    ) -> Result<Session, StoreError> {
        let decide = |stored: Option<&Session>, now| rule::claim(stored, seen, owner.clone(), now);
        self.change(id, decide).await.map_err(|error| self.doubt(error))
    }

    async fn begin(&self, request: &Request, id: &SessionId) -> Result<SessionId, StoreError> {
        let key = self.keys.user_requests(&request.tenant, &request.user);
        let body = HEXLOWER.encode(&request.body);
        let args = [
            request.key.as_str().into(),
            (&body).into(),
            id.as_str().into(),
            self.timings.linger_ms.into(),
            (KEPT_PER_USER as u64).into(),
        ];
        let first: String = self.client.run(&BEGIN, &[&key], &args).await?;
        // An id has a dash, so it is never that word.
        first.parse().map_err(|_| StoreError::KeyReused)
    }

    async fn forget(&self, request: &Request, id: &SessionId) -> Result<(), StoreError> {
        let key = self.keys.user_requests(&request.tenant, &request.user);
        let args = [request.key.as_str().into(), id.as_str().into()];
        self.client.run::<bool>(&FORGET, &[&key], &args).await.map(|_| ())
    }

    /// Everything that expires has a time to live in Redis, so there is nothing to free: always 0.
    async fn sweep(&self) -> Result<usize, StoreError> {
        Ok(0)
    }
}

impl RedisStore {
    /// Confirms what is held outside of the project for a session that is about to have a record.
    async fn confirm(&self, session: &Session) -> Result<bool, StoreError> {
        if !self.confirm_place(session.into(), true).await? {
            return Ok(false);
        }
        match self.name(session.into(), 0).await {
            Ok(()) => Ok(true),
            Err(StoreError::AliasTaken { .. }) => {
                self.unconfirm(session).await;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The session did not get a record: its places go at once, or else when somebody is at a limit.
    async fn unconfirm(&self, session: &Session) {
        let _ = self.free_unused(session.into()).await;
    }

    /// What follows outside of the project once a record is written that may be closed. Its places
    /// go at once, or else when somebody is at a limit.
    async fn follow(&self, session: &Session, now: Now) {
        if session.status == Status::Closed {
            let gone_ms = rule::gone_ms(session, now, self.timings.linger_ms);
            let _ = self.free_places(session.into(), gone_ms).await;
        }
    }

    /// The session with its alias, or without it if another that stands has it.
    async fn named(&self, session: Session) -> Result<Session, StoreError> {
        match self.name((&session).into(), 0).await {
            Ok(()) => Ok(session),
            Err(StoreError::AliasTaken { .. }) => Ok(Session { alias: None, ..session }),
            Err(error) => Err(error),
        }
    }

    /// Brings the places of an asserted session up to date, and frees those of a reservation that
    /// had its id and was somebody else's.
    async fn settle_places(
        &self,
        session: &Session,
        held: Option<&Held>,
        now: Now,
    ) -> Result<(), StoreError> {
        if let Some(held) = held
            && (held.user != session.user || held.alias != session.alias)
        {
            let Held { tenant, user, alias, .. } = held;
            let alias = alias.as_ref().filter(|alias| session.alias.as_ref() != Some(alias));
            self.free_reserved(Whose { tenant, user, alias, id: &session.id }).await?;
        }
        if session.status == Status::Closed {
            self.follow(session, now).await;
            return Ok(());
        }
        self.confirm_place(session.into(), false).await.map(|_| ())
    }

    /// The unclosed sessions of a sorted set.
    async fn listed(&self, key: &str) -> Result<Vec<Session>, StoreError> {
        let mut range = redis::cmd("ZRANGE");
        range.arg(key).arg(0).arg(-1);
        let members: Vec<String> = self.client.query(&range).await?;
        let ids = members.into_iter().filter_map(|member| member.parse::<SessionId>().ok());
        let read = |id: SessionId| async move { self.read(&id).await };
        let stored: Vec<_> = stream::iter(ids.map(read)).buffered(AT_ONCE).try_collect().await?;
        Ok(stored.iter().filter_map(Stored::unclosed).cloned().collect())
    }
}
