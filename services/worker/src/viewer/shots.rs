//! Snapshots on their way to one viewer, in parts: the one that is being sent is sent to its end,
//! and of those that come meanwhile the newest is next.

use bytes::Bytes;
use termfleet_proto::ws::frame::Reason;
use termfleet_session::{ids::Offset, limits::MAX_FRAME_BYTES};

use crate::screen::Picture;

/// A picture, and why it is sent.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) picture: Picture,
    pub(super) reason: Reason,
}

impl Shot {
    /// It takes the place of no output: nothing was skipped, only the size has changed, and a client
    /// that keeps its scrollback has all of it.
    fn adds(&self) -> bool {
        self.reason == Reason::Resized
    }
}

/// A part of one.
pub(super) struct Part {
    pub(super) shot: Shot,
    /// It is the first.
    pub(super) first: bool,
    /// Another one follows.
    pub(super) more: bool,
    pub(super) data: Bytes,
}

/// Parts of a snapshot that its gateway may hold for a slow client: one that leaves, and the next. A
/// picture in true colours may be larger than all that a gateway holds for anybody.
const PARTS: u32 = 2;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Shots {
    /// What is being sent, and how much of it was.
    begun: Option<(Shot, usize)>,
    next: Option<Shot>,
    /// The gateway says when a part has left it, …
    counted: bool,
    /// … and so many of what is being sent have not.
    under_way: u32,
}

impl Shots {
    pub(super) fn new(counted: bool) -> Self {
        Self { counted, ..Self::default() }
    }

    /// So many parts have left the gateway.
    pub(super) fn taken(&mut self, parts: u32) {
        self.under_way = self.under_way.saturating_sub(parts);
    }

    /// One was begun and not ended.
    pub(super) fn is_amid(&self) -> bool {
        self.begun.is_some()
    }

    pub(super) fn put(&mut self, shot: Shot) {
        self.next = Some(shot);
    }

    /// What was not begun is out of date; answers why it was to be sent.
    pub(super) fn drop_next(&mut self) -> Option<Reason> {
        self.next.take().map(|shot| shot.reason)
    }

    /// More of what was begun, as soon as there is room for it.
    pub(super) fn rest(&mut self) -> Option<Part> {
        if self.counted && self.under_way >= PARTS {
            return None;
        }
        let (shot, sent) = self.begun.take()?;
        Some(self.part(shot, sent))
    }

    /// The first part of what is next, for who was sent the output before `sent`.
    pub(super) fn begin(&mut self, sent: Offset) -> Option<Part> {
        let shot = self.next.take_if(|shot| !shot.adds() || shot.picture.offset <= sent)?;
        // What its gateway still holds of an older one is dropped for it.
        self.under_way = 0;
        Some(self.part(shot, 0))
    }

    /// Up to where output goes before the one that is next.
    pub(super) fn awaits(&self) -> Option<Offset> {
        self.next.as_ref().filter(|shot| shot.adds()).map(|shot| shot.picture.offset)
    }

    fn part(&mut self, shot: Shot, from: usize) -> Part {
        let until = shot.picture.data.len().min(from + MAX_FRAME_BYTES);
        let (data, more) = (shot.picture.data.slice(from..until), until < shot.picture.data.len());
        self.begun = more.then(|| (shot.clone(), until));
        self.under_way += u32::from(more);
        Part { shot, first: from == 0, more, data }
    }
}

#[cfg(test)]
mod tests {
    //! Parts at, below and above their bound.
    use termfleet_session::limits::DEFAULT_SIZE;

    use super::*;

    const ALL: Offset = Offset::new(u64::MAX);

    fn shot(bytes: usize, offset: u64) -> Shot {
        let data = Bytes::from(vec![b'x'; bytes]);
        let picture = Picture { offset: Offset::new(offset), size: DEFAULT_SIZE, data };
        Shot { picture, reason: Reason::Asked }
    }

    fn parts(bytes: usize) -> Vec<(usize, bool)> {
        let mut shots = Shots::default();
        shots.put(shot(bytes, 0));
        let first = shots.begin(ALL);
        let rest = std::iter::from_fn(|| shots.rest());
        first.into_iter().chain(rest).map(|part| (part.data.len(), part.more)).collect()
    }

    #[test]
    fn a_snapshot_is_sent_in_frames_of_at_most_32_kib() {
        const MOST: usize = MAX_FRAME_BYTES;
        assert_eq!(parts(MOST - 1), [(MOST - 1, false)]);
        assert_eq!(parts(MOST), [(MOST, false)]);
        assert_eq!(parts(MOST + 1), [(MOST, true), (1, false)]);
        assert_eq!(parts(2 * MOST + 5), [(MOST, true), (MOST, true), (5, false)]);
        assert_eq!(parts(0), [(0, false)]);
    }

    #[test]
    fn no_more_parts_than_two_wait_in_the_gateway() {
        let mut shots = Shots::new(true);
        shots.put(shot(5 * MAX_FRAME_BYTES, 1));
        let mut sent = usize::from(shots.begin(ALL).is_some());
        for (taken, all) in [(0, 2), (0, 2), (1, 3), (2, 5)] {
            shots.taken(taken);
            sent += std::iter::from_fn(|| shots.rest()).count();
            assert_eq!(sent, all);
        }
        assert!(!shots.is_amid());
        // What an older gateway takes it does not say.
        let mut shots = Shots::new(false);
        shots.put(shot(5 * MAX_FRAME_BYTES, 1));
        assert_eq!(
            shots.begin(ALL).into_iter().chain(std::iter::from_fn(|| shots.rest())).count(),
            5
        );
    }

    #[test]
    fn the_newest_is_next_and_what_was_begun_is_ended() {
        let mut shots = Shots::default();
        shots.put(shot(MAX_FRAME_BYTES + 1, 1));
        assert!(shots.begin(ALL).unwrap().more);
        shots.put(shot(1, 2));
        shots.put(shot(1, 3));
        assert_eq!(shots.rest().unwrap().shot.picture.offset, Offset::new(1));
        assert!(shots.rest().is_none());
        assert_eq!(shots.begin(ALL).unwrap().shot.picture.offset, Offset::new(3));
        assert!(shots.rest().is_none() && shots.begin(ALL).is_none());
    }

    #[test]
    fn after_a_change_of_the_size_all_output_before_it_comes_first() {
        let mut shots = Shots::default();
        shots.put(Shot { reason: Reason::Resized, ..shot(1, 100) });
        assert_eq!(shots.awaits(), Some(Offset::new(100)));
        assert!(shots.begin(Offset::new(99)).is_none());
        assert!(shots.begin(Offset::new(100)).is_some() && shots.awaits().is_none());
        shots.put(Shot { reason: Reason::Resized, ..shot(1, 100) });
        assert!(shots.begin(Offset::new(101)).is_some());
        shots.put(shot(1, 100));
        assert!(shots.awaits().is_none() && shots.begin(Offset::new(0)).is_some());
    }
}
