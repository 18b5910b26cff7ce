//! One epoch's output as its readers share it: the ring, who is fed from it, where the terminal's
//! size changed, where it ends, and up to where the ptyhost may read.
//!
//! The session's actor writes here, viewers read by cursors of their own, and the pump tells of new
//! output. Nothing here is held across an await.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use termfleet_ptyhost::{
    client::{Ended, SizeAt},
    ring::RingReader,
};
use termfleet_session::{
    credit::PACE_STOP_BYTES,
    ids::{Epoch, Offset},
    limits::Size,
    state::Status,
};
use tokio::sync::Notify;

use crate::{
    keeper::Desk,
    viewer::{Told, Viewer},
};

/// Sizes remembered: as many as the ptyhost keeps for a ring.
const MAX_SIZES: usize = 256;
/// The actor is woken when what may still be read falls below this: half of what it allows at once,
/// so that a program never waits for a word that is on its way.
const LOW_BYTES: u64 = PACE_STOP_BYTES / 2;
/// The actor is woken when the driver has been sent this much since the limit was last raised.
const RAISE_BYTES: u64 = 64 << 10;

/// The output of one epoch.
pub(crate) struct Feed {
    pub(crate) epoch: Epoch,
    pub(crate) ring: RingReader,
    // Held to walk through, add or remove; what is called under it takes only the link's own lock.
    viewers: Mutex<Vec<Arc<Viewer>>>,
    sizes: Mutex<Journal>,
    /// The newest entry's number, so that viewers need not lock to learn that nothing is new.
    newest_size: AtomicU64,
    ended: OnceLock<(Ended, Status)>,
    limit: AtomicU64,
    /// Output that metrics know of.
    counted: AtomicU64,
    pace: Arc<Notify>,
    /// Where pictures of the screen are asked for.
    pub(crate) desk: Desk,
}

/// A size with its number in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sized {
    pub(crate) number: u64,
    pub(crate) at: SizeAt,
}

impl Feed {
    /// The output of an epoch whose sizes are known; `pace` wakes its actor.
    pub(crate) fn new(
        epoch: Epoch,
        ring: RingReader,
        sizes: Vec<SizeAt>,
        limit: Offset,
        pace: Arc<Notify>,
    ) -> Self {
        let journal = Journal { first: 1, entries: sizes.into() };
        Self {
            epoch,
            ring,
            viewers: Mutex::default(),
            newest_size: AtomicU64::new(journal.newest()),
            sizes: Mutex::new(journal),
            ended: OnceLock::new(),
            limit: AtomicU64::new(limit.get()),
            counted: AtomicU64::new(0),
            pace,
            desk: Desk::default(),
        }
    }

    /// Feeds one more viewer.
    pub(crate) fn join(&self, viewer: Arc<Viewer>) {
        lock(&self.viewers).push(viewer);
    }

    /// Feeds a viewer no more.
    pub(crate) fn leave(&self, viewer: &Arc<Viewer>) {
        lock(&self.viewers).retain(|other| !Arc::ptr_eq(other, viewer));
    }

    /// Somebody is fed from it.
    pub(crate) fn has_viewers(&self) -> bool {
        !lock(&self.viewers).is_empty()
    }

    /// Tells every viewer something.
    pub(crate) fn tell_all(&self, told: impl Fn() -> Told) {
        for viewer in lock(&self.viewers).iter() {
            viewer.tell(told());
        }
    }

    /// There is new output: every viewer gets its turn, then the screen.
    pub(crate) fn moved(&self) {
        for viewer in lock(&self.viewers).iter() {
            viewer.wake();
        }
        self.desk.moved(self.ring.head());
        self.ask_for_more();
    }

    /// The screen has read everything before `offset`.
    pub(crate) fn screen_has_read(&self, offset: Offset) {
        self.desk.has_read(offset);
        self.ask_for_more();
    }

    /// Wakes the actor when the program is about to wait for the limit.
    fn ask_for_more(&self) {
        if self.limit().since(self.ring.head()) < LOW_BYTES {
            self.pace.notify_one();
        }
    }

    /// Bytes of output since the last time that this was asked.
    pub(crate) fn grown(&self) -> u64 {
        let head = self.ring.head().get();
        head.saturating_sub(self.counted.swap(head, Ordering::Relaxed))
    }

    /// The driver was sent output up to here.
    pub(crate) fn driver_was_sent(&self, sent: Offset) {
        if self.limit().since(sent) < PACE_STOP_BYTES - RAISE_BYTES {
            self.pace.notify_one();
        }
    }

    /// Up to where the ptyhost was told to read.
    pub(crate) fn limit(&self) -> Offset {
        Offset::new(self.limit.load(Ordering::Relaxed))
    }

    pub(crate) fn set_limit(&self, limit: Offset) {
        self.limit.store(limit.get(), Ordering::Relaxed);
    }

    /// The size changed; answers its number.
    pub(crate) fn resized(&self, at: SizeAt) -> u64 {
        let mut sizes = lock(&self.sizes);
        sizes.push(at);
        let newest = sizes.newest();
        self.newest_size.store(newest, Ordering::Release);
        drop(sizes);
        self.moved();
        newest
    }

    /// The size that holds at an offset.
    pub(crate) fn size_at(&self, offset: Offset, otherwise: Size) -> Sized {
        let at = SizeAt { offset, size: otherwise };
        lock(&self.sizes).at(offset).unwrap_or(Sized { number: 0, at })
    }

    /// The first size after that number.
    pub(crate) fn size_after(&self, number: u64) -> Option<Sized> {
        let newer = self.newest_size.load(Ordering::Acquire) > number;
        if newer { lock(&self.sizes).after(number) } else { None }
    }

    /// The shell has ended, and what the session's status was until then.
    pub(crate) fn end(&self, ended: Ended, status: Status) {
        // It ends once; a second word of it would say the same.
        let _ = self.ended.set((ended, status));
        self.moved();
    }

    /// How and where it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.get().map(|(ended, _)| *ended)
    }

    /// The session's status until it ended.
    pub(crate) fn status_before(&self) -> Option<Status> {
        self.ended.get().map(|(_, status)| *status)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section here is a few moves that leave the value whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the size changed, oldest first; the first entry holds from the ring's tail on.
#[derive(Debug)]
struct Journal {
    /// The number of the first entry.
    first: u64,
    entries: VecDeque<SizeAt>,
}

impl Journal {
    fn newest(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    fn push(&mut self, at: SizeAt) {
        self.entries.push_back(at);
        if self.entries.len() > MAX_SIZES {
            self.entries.pop_front();
            self.first += 1;
        }
    }

    fn at(&self, offset: Offset) -> Option<Sized> {
        let index = self.entries.iter().rposition(|entry| entry.offset <= offset).unwrap_or(0);
        self.numbered(index)
    }

    fn after(&self, number: u64) -> Option<Sized> {
        // It is at most the number of entries.
        self.numbered((number + 1).saturating_sub(self.first) as usize)
    }

    fn numbered(&self, index: usize) -> Option<Sized> {
        let at = *self.entries.get(index)?;
        Some(Sized { number: self.first + index as u64, at })
    }
}

#[cfg(test)]
mod tests {
    //! The journal of sizes.
    use super::*;

    fn at(offset: u64, cols: u64) -> SizeAt {
        SizeAt { offset: Offset::new(offset), size: Size::new(cols, 24).unwrap() }
    }

    fn journal(entries: &[SizeAt]) -> Journal {
        Journal { first: 1, entries: entries.iter().copied().collect() }
    }

    #[test]
    fn the_last_size_at_or_before_an_offset_holds_there() {
        let journal = journal(&[at(0, 80), at(100, 90), at(100, 95), at(200, 100)]);
        let cols = |offset| journal.at(Offset::new(offset)).unwrap().at.size.cols;
        assert_eq!([cols(0), cols(99), cols(100), cols(199), cols(5000)], [80, 80, 95, 95, 100]);
    }

    #[test]
    fn every_later_size_is_told_in_turn() {
        let mut journal = journal(&[at(0, 80)]);
        assert_eq!(journal.after(1), None);
        journal.push(at(10, 90));
        journal.push(at(20, 100));
        let next = journal.after(1).unwrap();
        assert_eq!((next.number, next.at), (2, at(10, 90)));
        assert_eq!(journal.after(2).unwrap().at, at(20, 100));
        assert_eq!(journal.after(3), None);
    }

    #[test]
    fn old_sizes_go_and_numbers_stay() {
        let mut journal = journal(&[at(0, 80)]);
        for n in 0..MAX_SIZES as u64 + 10 {
            journal.push(at(n, 81));
        }
        assert_eq!(journal.entries.len(), MAX_SIZES);
        assert_eq!(journal.newest(), MAX_SIZES as u64 + 11);
        // Whoever missed the oldest gets the oldest that is left.
        assert_eq!(journal.after(1).unwrap().number, journal.first);
    }
}
