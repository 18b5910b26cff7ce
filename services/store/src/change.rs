//! What a session's worker may change of its record, and what that entails.
//!
//! Together with [`Patch`](termfleet_session::record::Patch), which is a client's half, this parts
//! the record in two: neither side can write the other's fields.

use jiff::Timestamp;
use termfleet_session::{
    limits::Size,
    record::{Cause, Counters, Exit, Session},
    state::Status,
};

/// The worker's half of a record; what is `None` stays as it is.
///
/// A worker checks its moves with [`Status::after`] before it reports them; the store only sees to
/// it that nothing leaves `closed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Where it is in its life. `Closed` frees its places and its alias at once.
    pub status: Option<Status>,
    /// How its process ended.
    pub exit: Option<Exit>,
    /// What ended it; the first that is said stands.
    pub ended_by: Option<Cause>,
    /// Its terminal's size.
    pub size: Option<Size>,
    /// The directory its shell is in.
    pub current_path: Option<String>,
    /// Its shell's process.
    pub process_id: Option<u32>,
    /// When somebody last typed, resized or focused; an earlier time than the record's is ignored.
    pub last_activity_at: Option<Timestamp>,
    /// Its counters.
    pub counters: Option<Counters>,
}

impl Change {
    /// The end of a session.
    #[must_use]
    pub fn closed(exit: Option<Exit>) -> Self {
        Self { status: Some(Status::Closed), exit, ..Self::default() }
    }

    /// Writes what it changes into the record. True if there is something to tell: activity and
    /// counters alone are not, they change too often.
    pub fn apply(self, session: &mut Session, now: Timestamp) -> bool {
        let Self {
            status,
            exit,
            ended_by,
            size,
            current_path,
            process_id,
            last_activity_at,
            counters,
        } = self;
        let before = session.clone();
        if let Some(status) = status {
            enter(session, status, now);
        }
        session.exit = exit.or(session.exit);
        session.ended_by = session.ended_by.or(ended_by);
        session.size = size.unwrap_or(session.size);
        if let Some(path) = current_path {
            session.current_path = path;
        }
        if session.status != Status::Closed {
            session.process_id = process_id.or(session.process_id);
        }
        session.counters = counters.unwrap_or(session.counters);
        let active = last_activity_at.unwrap_or(session.last_activity_at);
        session.last_activity_at = session.last_activity_at.max(active);
        let telling = tells(&before, session);
        if telling {
            session.updated_at = now;
        }
        telling
    }
}

/// Is there something to tell between two versions of a record?
pub(crate) fn tells(before: &Session, after: &Session) -> bool {
    let quiet = Session {
        counters: after.counters,
        last_activity_at: after.last_activity_at,
        updated_at: after.updated_at,
        ..before.clone()
    };
    quiet != *after
}

/// What a record becomes when its owner asserts another: the owner's half is the owner's, the
/// client's half and what was settled at creation stay.
pub(crate) fn merge(stored: &Session, asserted: Session, now: Timestamp) -> Session {
    let mut merged = Session {
        tenant: stored.tenant.clone(),
        project: stored.project.clone(),
        user: stored.user.clone(),
        alias: stored.alias.clone().or(asserted.alias),
        tab_name: stored.tab_name.clone(),
        layout: stored.layout.clone(),
        theme: stored.theme.clone(),
        labels: stored.labels.clone(),
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        last_activity_at: stored.last_activity_at.max(asserted.last_activity_at),
        suspended_at: stored.suspended_at.or(asserted.suspended_at),
        ..asserted
    };
    let status = merged.status;
    enter(&mut merged, status, now);
    merged
}

/// What comes with a status: the time of a suspension, and no process once it is closed.
pub(crate) fn enter(session: &mut Session, status: Status, now: Timestamp) {
    match status {
        Status::Suspended => session.suspended_at = session.suspended_at.or(Some(now)),
        Status::Initializing | Status::Active | Status::Recovering | Status::Error => {
            session.suspended_at = None;
        }
        Status::Closed => {
            session.suspended_at = None;
            session.process_id = None;
        }
    }
    session.status = status;
}
