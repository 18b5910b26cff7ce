//! Records in Redis: read, decided on by `rule`, and written if nobody else wrote meanwhile.
//!
//! Writers of one process take turns at a record, so that only processes race each other.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use termfleet_session::{
    ids::{Alias, ProjectId, SessionId, TenantId, UserId},
    record::Session,
    state::Status,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time,
};

use super::{
    RedisStore,
    failure::{FAILOVER_MS, RECONNECT_MS},
    focus::Unfocus,
    script::{READ, WRITE},
};
use crate::{
    bus::{Hint, What},
    directory::{Limits, Reservation},
    error::StoreError,
    rule::{self, Now, Step},
};

/// How often a lost race is run again. Each process has one runner at a time, and each race is won
/// by somebody: more losses in a row than there are processes mean that something is wrong.
const ATTEMPTS: usize = 64;
/// Turns of different records that may be taken at once.
const TURNS: usize = 256;
/// How long a writer waits for its turn: many writes, and no longer than one that times out.
const TURN_WAIT: Duration = Duration::from_secs(2);

/// Whose turn it is, by record.
pub(super) struct Turns([Mutex<()>; TURNS]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Turns {
    pub(super) async fn take(&self, id: &SessionId) -> Result<MutexGuard<'_, ()>, StoreError> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let turn = &self.0[usize::try_from(hasher.finish()).unwrap_or_default() % TURNS];
        let busy = StoreError::Unavailable { retry_after_ms: FAILOVER_MS };
        time::timeout(TURN_WAIT, turn.lock()).await.map_err(|_| busy)
    }
}

/// What stands under an id.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) now: Now,
    pub(super) revision: String,
    pub(super) session: Option<Session>,
    pub(super) held: Option<Held>,
}

/// A reservation, as it is kept: everything but its id, which is in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) tenant: TenantId,
    pub(super) project: ProjectId,
    pub(super) user: UserId,
    pub(super) alias: Option<Alias>,
    per_project: u32,
    per_user: u32,
}

impl From<&Reservation> for Held {
    fn from(reservation: &Reservation) -> Self {
        let Reservation { id: _, tenant, project, user, alias, limits } = reservation.clone();
        let Limits { per_project, per_user } = limits;
        Self { tenant, project, user, alias, per_project, per_user }
    }
}

impl Held {
    /// Was it made for this session?
    pub(super) fn is_of(&self, session: &Session) -> bool {
        self.tenant == session.tenant
            && self.project == session.project
            && self.user == session.user
            && self.alias == session.alias
    }
}

impl Stored {
    /// The session, if it is not closed.
    pub(super) fn unclosed(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.status != Status::Closed)
    }
}

impl RedisStore {
    pub(super) async fn read(&self, id: &SessionId) -> Result<Stored, StoreError> {
        let key = self.keys.session(id);
        let (now, revision, record, held): (u64, String, Option<String>, Option<String>) =
            self.client.run(&READ, &[&key], &[]).await?;
        let session = record.map(|record| parse(&record, &key)).transpose()?;
        let held = held.map(|held| parse(&held, &key)).transpose()?;
        Ok(Stored { now: Now::of(now), revision, session, held })
    }

    /// Writes the record if it is still what was read. False if it is not.
    pub(super) async fn write(
        &self,
        stored: &Stored,
        session: &Session,
        what: Option<What>,
    ) -> Result<bool, StoreError> {
        let Session { id, tenant, project, .. } = session;
        let keys = [
            &*self.keys.session(id),
            &self.keys.sessions(tenant, project),
            &self.keys.reserved(tenant, project),
            &self.keys.version(tenant, project),
            &self.keys.focus(tenant, project),
        ];
        let unfocus = match what {
            Some(_) => self.unfocusing(session, stored.now).await?,
            None => Unfocus::default(),
        };
        let closed = session.status == Status::Closed;
        let gone = rule::gone_ms(session, stored.now, self.timings.linger_ms).to_string();
        let told = what.map(|what| if closed { What::Closed } else { what });
        let owner = session.owner.as_ref();
        let owner = owner.map(|owner| format!("{}/{}", owner.worker, owner.incarnation));
        let (owner, record) = (owner.unwrap_or_default(), show(session)?);
        let channel = self.keys.events(tenant, project);
        let (created, creation) = match told {
            Some(What::Created) => {
                let creation = Hint::Creation { id: id.clone(), alias: session.alias.clone() };
                (self.keys.created(tenant), show(&creation)?)
            }
            Some(What::Updated | What::Closed) | None => Default::default(),
        };
        let active = session.last_activity_at.as_millisecond().max(0).unsigned_abs();
        let args = [
            (&stored.revision).into(),
            id.as_str().into(),
            (&record).into(),
            session.epoch.get().into(),
            (&owner).into(),
            active.into(),
            if closed { (&gone).into() } else { "".into() },
            (&channel).into(),
            told.map_or("", name).into(),
            if unfocus.seen.is_some() { "1" } else { "" }.into(),
            unfocus.seen.as_deref().unwrap_or_default().into(),
            (&unfocus.text).into(),
            (&unfocus.hint).into(),
            unfocus.kept_ms.into(),
            (&created).into(),
            (&creation).into(),
        ];
        self.client.run(&WRITE, &keys, &args).await
    }

    /// Reads, decides and writes, until nobody came between.
    pub(super) async fn change(
        &self,
        id: &SessionId,
        decide: impl Fn(Option<&Session>, Now) -> Result<Step, StoreError>,
    ) -> Result<Session, StoreError> {
        let _turn = self.turns.take(id).await?;
        for _ in 0..ATTEMPTS {
            let stored = self.read(id).await?;
            let (session, what) = match decide(stored.session.as_ref(), stored.now)? {
                Step::Same(session) => return Ok(session),
                Step::Quiet(session) => (session, None),
                Step::Told(session, what) => (session, Some(what)),
            };
            if self.write(&stored, &session, what).await? {
                return Ok(session);
            }
        }
        Err(lost_every_race())
    }

    /// What is not found may only not be told yet. For those who ask for others: an owner is told
    /// that its record is not there, and asserts it.
    pub(super) fn doubt(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::NotFound => self.client.unknown().err().unwrap_or(error),
            error => error,
        }
    }
}

/// Nobody can be that unlucky.
pub(super) fn lost_every_race() -> StoreError {
    tracing::error!(ATTEMPTS, "lost every race for a record");
    StoreError::Unavailable { retry_after_ms: RECONNECT_MS }
}

pub(super) const fn attempts() -> std::ops::Range<usize> {
    0..ATTEMPTS
}

pub(super) fn show<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable(&error, "what was to be written"))
}

pub(super) fn parse<T: for<'a> Deserialize<'a>>(text: &str, key: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(&error, key))
}

/// Another version may have written it: one that understands it is there, or will be.
fn unreadable(error: &serde_json::Error, key: &str) -> StoreError {
    tracing::error!(key, %error, "cannot read a value in redis");
    StoreError::Unavailable { retry_after_ms: FAILOVER_MS }
}

/// As in the hint's JSON.
fn name(what: What) -> &'static str {
    match what {
        What::Created => "created",
        What::Updated => "updated",
        What::Closed => "closed",
    }
}
