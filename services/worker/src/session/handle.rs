//! What everybody but its actor holds of a session: its mailbox, what never changes about it, and a
//! few figures that are read without asking it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use termfleet_runtime::clock;
use termfleet_session::{
    ids::{SessionId, TenantId, UserId},
    limits::Size,
    record::{self, Mode},
};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use super::Command;
use crate::feed::Feed;

/// A session, for others. Clones share it.
#[derive(Clone)]
pub(crate) struct SessionHandle(Arc<Shared>);

/// What never changes about a session.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) id: SessionId,
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) mode: Mode,
}

struct Shared {
    facts: Facts,
    mailbox: mpsc::Sender<Command>,
    /// Wakes the actor: the limit has to be looked at.
    pace: Arc<Notify>,
    // Replaced when a new epoch starts; held to clone or replace it.
    feed: Mutex<Arc<Feed>>,
    /// Columns and rows, 16 bits each.
    size: AtomicU32,
    active_ms: AtomicU64,
    /// When the handle was made, and how long after that somebody last used the session: a clock
    /// that nobody sets.
    made: Instant,
    used_after_ms: AtomicU64,
    bytes_in: AtomicU64,
}

impl SessionHandle {
    pub(crate) fn new(
        record: &record::Session,
        mailbox: mpsc::Sender<Command>,
        pace: Arc<Notify>,
        feed: Arc<Feed>,
    ) -> Self {
        let facts = Facts {
            id: record.id.clone(),
            tenant: record.tenant.clone(),
            user: record.user.clone(),
            mode: record.mode,
        };
        let active_ms = u64::try_from(record.last_activity_at.as_millisecond()).unwrap_or_default();
        Self(Arc::new(Shared {
            facts,
            mailbox,
            pace,
            feed: Mutex::new(feed),
            size: AtomicU32::new(packed(record.size)),
            active_ms: AtomicU64::new(active_ms),
            made: Instant::now(),
            used_after_ms: AtomicU64::new(0),
            bytes_in: AtomicU64::new(record.counters.bytes_in),
        }))
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Puts a command into the mailbox, waiting for room. A session that is over drops it.
    pub(crate) async fn send(&self, command: Command) {
        let _ = self.0.mailbox.send(command).await;
    }

    /// How many commands wait for it.
    pub(crate) fn waiting(&self) -> usize {
        self.0.mailbox.max_capacity() - self.0.mailbox.capacity()
    }

    /// Is it the same session, not another one of the same id?
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The output of its present epoch.
    pub(crate) fn feed(&self) -> Arc<Feed> {
        self.0.feed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_feed(&self, feed: Arc<Feed>) {
        *self.0.feed.lock().unwrap_or_else(PoisonError::into_inner) = feed;
    }

    pub(super) fn pace(&self) -> Arc<Notify> {
        self.0.pace.clone()
    }

    pub(super) async fn paced(&self) {
        self.0.pace.notified().await;
    }

    /// The terminal's size.
    pub(crate) fn size(&self) -> Size {
        let packed = self.0.size.load(Ordering::Relaxed);
        // Both halves were 16 bits when they were packed.
        Size { cols: (packed >> 16) as u16, rows: packed as u16 }
    }

    pub(super) fn set_size(&self, size: Size) {
        self.0.size.store(packed(size), Ordering::Relaxed);
    }

    /// Somebody uses it.
    pub(super) fn active(&self) {
        self.0.active_ms.store(clock::now_ms(), Ordering::Relaxed);
        let after = u64::try_from(self.0.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.used_after_ms.store(after, Ordering::Relaxed);
    }

    /// For how long nobody here has used it.
    pub(super) fn unused(&self) -> Duration {
        let used_after = Duration::from_millis(self.0.used_after_ms.load(Ordering::Relaxed));
        self.0.made.elapsed().saturating_sub(used_after)
    }

    /// When somebody last used it.
    pub(crate) fn active_at(&self) -> Timestamp {
        let ms = i64::try_from(self.0.active_ms.load(Ordering::Relaxed)).unwrap_or_default();
        Timestamp::from_millisecond(ms).unwrap_or_default()
    }

    pub(super) fn typed(&self, bytes: u64) {
        self.0.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn restart_counting(&self) {
        self.0.bytes_in.store(0, Ordering::Relaxed);
    }

    /// Bytes that its PTY took in this epoch.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.0.bytes_in.load(Ordering::Relaxed)
    }
}

fn packed(size: Size) -> u32 {
    u32::from(size.cols) << 16 | u32::from(size.rows)
}
