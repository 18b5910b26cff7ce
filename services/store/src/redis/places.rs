//! Places outside of the project: of the user, and under an alias. They have hash tags of their own,
//! so no script can change them together with the record.
//!
//! The record is the truth, and these are written around it in such an order that a crash between
//! two steps leaves a place taken, never one free that should not be. What is left so frees itself:
//! a reservation expires, and a place or an alias that would stand against somebody is first looked
//! after in its record.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future;
use termfleet_session::{
    ids::{Alias, SessionId, TenantId, UserId},
    record::Session,
};
use tokio::time::Instant;

use super::{
    RedisStore,
    records::Stored,
    script::{CONFIRM, FREE, HOLD, NAME, UNNAME},
};
use crate::{directory::Reservation, error::StoreError};

/// How often the places of one user are looked after: a client that tries again and again at its
/// limit must not cost twenty reads each time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Users of whom is known when they were last looked after.
const LOOKED_AFTER: usize = 1_024;

/// When the places of whom were looked after.
#[derive(Default)]
pub(super) struct LookedAfter(Mutex<HashMap<String, Instant>>);

impl LookedAfter {
    /// Is it time to look again?
    fn is_due(&self, key: &str) -> bool {
        // Held for these look-ups alone.
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.get(key).is_some_and(|last| last.elapsed() < LOOK_AGAIN) {
            return false;
        }
        if users.len() >= LOOKED_AFTER {
            users.clear();
        }
        users.insert(key.to_owned(), Instant::now());
        true
    }
}

/// Who has what place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) user: &'a UserId,
    pub(super) alias: Option<&'a Alias>,
    pub(super) id: &'a SessionId,
}

impl<'a> From<&'a Session> for Whose<'a> {
    fn from(session: &'a Session) -> Self {
        let Session { id, tenant, user, alias, .. } = session;
        Self { tenant, user, alias: alias.as_ref(), id }
    }
}

impl<'a> From<&'a Reservation> for Whose<'a> {
    fn from(reservation: &'a Reservation) -> Self {
        let Reservation { id, tenant, user, alias, .. } = reservation;
        Self { tenant, user, alias: alias.as_ref(), id }
    }
}

impl RedisStore {
    /// Holds a place of the user for a while.
    pub(super) async fn hold_place(&self, reservation: &Reservation) -> Result<(), StoreError> {
        let key = self.keys.user_sessions(&reservation.tenant, &reservation.user);
        let limit = reservation.limits.per_user;
        let hold = async || -> Result<Vec<String>, StoreError> {
            let id = reservation.id.as_str().into();
            let args = [id, limit.into(), self.timings.reservation_ms.into()];
            self.client.run(&HOLD, &[&key], &args).await
        };
        let mut answer = hold().await?;
        if answer[0] == "0"
            && self.looked_after.is_due(&key)
            && self.free_stale(reservation, &answer[1..]).await?
        {
            answer = hold().await?;
        }
        if answer[0] == "1" { Ok(()) } else { Err(StoreError::UserFull { limit }) }
    }

    /// Frees the places of sessions that have no record, or a closed one: somebody could not finish.
    async fn free_stale(
        &self,
        reservation: &Reservation,
        scored: &[String],
    ) -> Result<bool, StoreError> {
        let key = self.keys.user_sessions(&reservation.tenant, &reservation.user);
        let free = |scored: &[String]| {
            let (member, score, key) = (scored[0].clone(), scored[1].clone(), key.clone());
            async move {
                if let Ok(id) = member.parse::<SessionId>() {
                    let stored = self.read(&id).await?;
                    if stored.unclosed().is_some() || stored.held.is_some() {
                        return Ok(false);
                    }
                }
                tracing::info!(id = member, "freed the place of a session that is not there");
                let args = [(&member).into(), (&score).into()];
                self.client.run::<bool>(&FREE, &[&key], &args).await
            }
        };
        let freed = future::try_join_all(scored.chunks_exact(2).map(free)).await?;
        Ok(freed.contains(&true))
    }

    /// Makes the user's place one of a session. False if it was to be held and is not.
    pub(super) async fn confirm_place(
        &self,
        whose: Whose<'_>,
        held: bool,
    ) -> Result<bool, StoreError> {
        let key = self.keys.user_sessions(whose.tenant, whose.user);
        let args = [whose.id.as_str().into(), u64::from(held).into()];
        self.client.run(&CONFIRM, &[&key], &args).await
    }

    /// Frees the places of a session that closed; its alias goes with its record.
    pub(super) async fn free_places(
        &self,
        whose: Whose<'_>,
        gone_ms: u64,
    ) -> Result<(), StoreError> {
        self.free(whose, "any", &gone_ms.to_string()).await
    }

    /// Frees the places of a session that did not come to be.
    pub(super) async fn free_unused(&self, whose: Whose<'_>) -> Result<(), StoreError> {
        self.free(whose, "any", "").await
    }

    /// Gives back what a reservation holds outside of its project.
    pub(super) async fn free_reserved(&self, whose: Whose<'_>) -> Result<(), StoreError> {
        self.free(whose, "reserved", "").await
    }

    async fn free(&self, whose: Whose<'_>, which: &str, gone: &str) -> Result<(), StoreError> {
        let Whose { tenant, user, alias, id } = whose;
        let place = async {
            let key = self.keys.user_sessions(tenant, user);
            self.client.run::<bool>(&FREE, &[&key], &[id.as_str().into(), which.into()]).await
        };
        let name = async {
            let Some(alias) = alias else { return Ok(false) };
            let key = self.keys.alias(tenant, alias);
            self.client.run::<bool>(&UNNAME, &[&key], &[id.as_str().into(), gone.into()]).await
        };
        future::try_join(place, name).await.map(|_| ())
    }

    /// Gives the alias to this session, for so long (0: while it runs), unless another that stands
    /// has it.
    pub(super) async fn name(&self, whose: Whose<'_>, ms: u64) -> Result<(), StoreError> {
        let Whose { tenant, user: _, alias, id } = whose;
        let Some(alias) = alias else { return Ok(()) };
        let key = self.keys.alias(tenant, alias);
        // Whom it may be taken from, as far as is known.
        let mut stale = String::new();
        loop {
            let args = [id.as_str().into(), ms.into(), (&stale).into()];
            let other: Option<String> = self.client.run(&NAME, &[&key], &args).await?;
            let Some(other) = other else { return Ok(()) };
            let holder = other.split(' ').next().unwrap_or_default().parse();
            if let Ok(holder) = holder {
                let stored = self.read(&holder).await?;
                if has_alias(&stored, alias) {
                    return Err(StoreError::AliasTaken { holder });
                }
            }
            // Nobody who stands: it is taken, unless another was faster, who is then looked after.
            stale = other;
        }
    }

    /// Who has the alias: also a closed session, while its record can be read.
    pub(super) async fn holder(
        &self,
        tenant: &TenantId,
        alias: &Alias,
    ) -> Result<Option<SessionId>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.keys.alias(tenant, alias));
        let value: Option<String> = self.client.query(&get).await?;
        let holder = value.as_deref().and_then(|value| value.split(' ').next());
        let Some(holder) = holder.and_then(|holder| holder.parse().ok()) else { return Ok(None) };
        let stored = self.read(&holder).await?;
        let stands = stored.session.is_some() || stored.held.is_some();
        Ok(stands.then_some(holder))
    }
}

/// Does this session or reservation keep others from the alias? A closed session does not.
fn has_alias(stored: &Stored, alias: &Alias) -> bool {
    let session = stored.unclosed().is_some_and(|session| session.alias.as_ref() == Some(alias));
    session || stored.held.as_ref().is_some_and(|held| held.alias.as_ref() == Some(alias))
}
