//! The directory of sessions: where each is, who owns it, and how many there may be.
//!
//! Creation takes three steps. A gateway **reserves** a place (project, user and alias, for ten
//! seconds), asks a worker for a shell, and the worker **commits** the record, only if the
//! reservation still stands; else it kills its shell. So the limits hold at every moment, and what
//! nobody finishes frees itself.
//!
//! A record has two halves. Gateways **patch** what clients name (tab, layout, theme, labels); the
//! owning worker **updates** the rest and proves with its [`Fence`] that it still owns the session.
//! Workers are the truth of live sessions: after a loss they **assert** theirs again.
//!
//! The store has its own clock, so that all who share it agree on what has expired. Which
//! implementation stands behind the trait is the binary's choice; both pass `conformance`.

use async_trait::async_trait;
use jiff::Timestamp;
use termfleet_session::{
    ids::{Alias, Epoch, ProjectId, SessionId, TenantId, UserId},
    limits::{LEASE_MS, LINGER_MS, RESERVATION_MS, SESSIONS_PER_PROJECT, SESSIONS_PER_USER},
    record::{Counters, Exit, Owner, Patch, Session},
};

use crate::{
    change::Change,
    error::StoreError,
    page::{Listing, Page},
    repeat::Request,
};

/// Sessions, their places and their names. Every write answers with the record as it then stands.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Holds a place for a session that is about to be created. The same reservation again renews
    /// it.
    ///
    /// # Errors
    /// `ProjectFull`, `UserFull`, `AliasTaken`; `AlreadyExists` if the id has a record, `Misplaced`
    /// if it was made for another project. Nothing is held then.
    async fn reserve(&self, reservation: &Reservation) -> Result<(), StoreError>;

    /// Gives a reserved place back. One that has expired or was committed meanwhile stays as it is.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn cancel(&self, reservation: &Reservation) -> Result<(), StoreError>;

    /// Makes a reservation a session; for the worker that has started its shell. The same commit
    /// again (its answer was lost) is fine, and so is one of a shell that has ended meanwhile.
    ///
    /// # Errors
    /// `ReservationGone`: kill the shell and answer 1004. `Superseded` if the record exists already
    /// and is somebody else's.
    async fn commit(&self, session: Session) -> Result<Session, StoreError>;

    /// The record of that id, also for a while after the session has closed.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn get(&self, id: &SessionId) -> Result<Option<Session>, StoreError>;

    /// Which session has that alias in the tenant: it may be one that is only reserved yet, or one
    /// that has closed, as long as its record can be read and nobody else took the alias.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn resolve_alias(
        &self,
        tenant: &TenantId,
        alias: &Alias,
    ) -> Result<Option<SessionId>, StoreError>;

    /// The project's sessions that are not closed, oldest first.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn list_project(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        page: &Page,
    ) -> Result<Listing, StoreError>;

    /// The user's sessions in the tenant, over all projects, that are not closed, oldest first.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn list_user(
        &self,
        tenant: &TenantId,
        user: &UserId,
        page: &Page,
    ) -> Result<Listing, StoreError>;

    /// Changes a client's half of the record; for gateways, at whatever epoch the session is.
    ///
    /// # Errors
    /// `NotFound`, `Ended`.
    async fn patch(&self, id: &SessionId, patch: Patch) -> Result<Session, StoreError>;

    /// Changes the worker's half of the record, compare-and-set on owner and epoch.
    ///
    /// # Errors
    /// `Superseded`: somebody else owns it, end the copy. `NotFound` or `Outdated`: the store has
    /// lost the record or its newest epoch, assert it. `Ended`, unless it is the same end again.
    async fn update(
        &self,
        id: &SessionId,
        fence: &Fence,
        change: Change,
    ) -> Result<Session, StoreError>;

    /// Closes the session: its places and its alias are free at once, its record stays readable for
    /// [`Timings::linger_ms`].
    ///
    /// # Errors
    /// As [`Directory::update`]; closing again is fine.
    async fn close(
        &self,
        id: &SessionId,
        fence: &Fence,
        exit: Option<Exit>,
    ) -> Result<Session, StoreError> {
        self.update(id, fence, Change::closed(exit)).await
    }

    /// Notes activity and counters of many sessions at once: the 10 s batch of one worker. Answers
    /// those that were not noted, and why (as [`Directory::update`]).
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn touch(&self, owner: &Owner, batch: &[Touch]) -> Result<Vec<Untouched>, StoreError>;

    /// Writes the record of a session that its worker runs, after a loss or a restart: as it is
    /// given if there is none, and brought up to date if it is this owner's or older. A client's
    /// half is kept where there is one; an alias that another session has by now is dropped from
    /// the record. Limits do not stand against a shell that runs. Again and again is fine.
    ///
    /// # Errors
    /// `Superseded`: end the copy. `Ended`: the record is closed, or was closed too long ago to be
    /// written again. `Misplaced`.
    async fn assert(&self, session: Session) -> Result<Session, StoreError>;

    /// Makes somebody the owner of a session at a higher epoch, compare-and-set on the epoch that
    /// was seen: for a new shell of the same owner, or for another whose right to it (the old
    /// incarnation is over for good) was checked before.
    ///
    /// # Errors
    /// `Superseded` if the record has moved on, `Outdated` if it is older than what was seen,
    /// `NotFound`, `Ended`.
    async fn claim(&self, id: &SessionId, seen: Epoch, owner: Owner)
    -> Result<Session, StoreError>;

    /// Notes that this request makes this session, unless it came before: then the answer is the
    /// session of the first one, which may still be on its way. It is remembered for
    /// [`Timings::linger_ms`], which is never longer than that session's record stays.
    ///
    /// # Errors
    /// `KeyReused` if the first request of that key asked for something else.
    async fn begin(&self, request: &Request, id: &SessionId) -> Result<SessionId, StoreError>;

    /// Frees the request's key after its session could not be made, so that it can be tried again.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn forget(&self, request: &Request, id: &SessionId) -> Result<(), StoreError>;

    /// Frees what has expired and answers how many records and reservations that were. Expired
    /// things do not count and are not shown in any case: this only gives their memory back.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn sweep(&self) -> Result<usize, StoreError>;
}

/// A place for a session that is about to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The id it will have; made with its project's tag.
    pub id: SessionId,
    /// Whose names and limits it shares.
    pub tenant: TenantId,
    /// Its project.
    pub project: ProjectId,
    /// Its user.
    pub user: UserId,
    /// A client's own name for it.
    pub alias: Option<Alias>,
    /// How many sessions there may be.
    pub limits: Limits,
}

/// How many sessions there may be, closed ones not counted, reserved ones counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one project.
    pub per_project: u32,
    /// Of one user in one tenant, over all projects.
    pub per_user: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_project: SESSIONS_PER_PROJECT as u32, per_user: SESSIONS_PER_USER as u32 }
    }
}

/// What a worker shows to write a record: who it is, and the epoch that it runs. The epoch is the
/// fencing token; at equal epochs the owner in the store wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The worker and its incarnation.
    pub owner: Owner,
    /// The epoch of its shell.
    pub epoch: Epoch,
}

/// Activity of one session, as its worker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The session.
    pub id: SessionId,
    /// The epoch that the worker runs.
    pub epoch: Epoch,
    /// When somebody last typed, resized or focused.
    pub last_activity_at: Timestamp,
    /// Its counters.
    pub counters: Counters,
}

impl Touch {
    /// What it changes, and what its owner shows for it.
    pub(crate) fn parts(&self, owner: &Owner) -> (Fence, Change) {
        let Self { id: _, epoch, last_activity_at, counters } = self;
        let fence = Fence { owner: owner.clone(), epoch: *epoch };
        let change = Change {
            last_activity_at: Some(*last_activity_at),
            counters: Some(*counters),
            ..Change::default()
        };
        (fence, change)
    }
}

/// A session whose activity was not noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untouched {
    /// The session.
    pub id: SessionId,
    /// Why.
    pub error: StoreError,
}

/// How long things last in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// How long a reservation holds its place.
    pub reservation_ms: u64,
    /// How long a closed record stays readable.
    pub linger_ms: u64,
    /// How long a worker is listed that does not renew.
    pub lease_ms: u64,
}

impl Default for Timings {
    fn default() -> Self {
        Self { reservation_ms: RESERVATION_MS, linger_ms: LINGER_MS, lease_ms: LEASE_MS }
    }
}
