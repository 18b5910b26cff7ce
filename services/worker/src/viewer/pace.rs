//! How fast one viewer is fed: within its credit, and with a snapshot instead of its backlog once it
//! has fallen too far behind (`byte-lane.md` §4).
//!
//! "Too far" is meant to last: a backlog above the window for [`PATIENCE`]. A flood puts everybody
//! above it for a moment, and who keeps up must not lose a byte for that.

use std::time::Duration;

use termfleet_session::{
    credit::{AckBeyondSent, Credit},
    ids::Offset,
};
use tokio::time::Instant;

/// How long a backlog above the window is borne, and how far apart its snapshots are: 2 a second.
const PATIENCE: Duration = Duration::from_millis(500);
/// A viewer that lags gets its snapshot once it has parsed so much of what it was sent that this
/// part of its window is free again: one that parses nothing is sent nothing, however long it lags.
const FREE_FOR_SNAPSHOT: u64 = 2;

/// One viewer's pace.
#[derive(Debug)]
pub(super) struct Pace {
    /// It drives: the program waits for it, so it gets every byte.
    pub(super) drives: bool,
    credit: Credit,
    /// Its credit's clock counts from here.
    begun: Instant,
    /// The highest offset it was ever sent: acknowledgements on their way while a snapshot takes it
    /// back are honest.
    reached: Offset,
    behind_since: Option<Instant>,
    last_snapshot: Option<Instant>,
}

impl Pace {
    pub(super) fn new(start: Offset, drives: bool, now: Instant) -> Self {
        let (credit, begun, reached) = (Credit::new(start), now, start);
        Self { drives, credit, begun, reached, behind_since: None, last_snapshot: None }
    }

    pub(super) fn sent(&self) -> Offset {
        self.credit.sent()
    }

    pub(super) fn acked(&self) -> Offset {
        self.credit.acked()
    }

    pub(super) fn ack(&mut self, offset: Offset, now: Instant) -> Result<(), AckBeyondSent> {
        if offset > self.reached {
            return Err(AckBeyondSent { acked: offset, sent: self.reached });
        }
        self.credit.ack(offset.min(self.credit.sent()), self.ms(now))
    }

    /// How many bytes to send next, with output up to `until`.
    pub(super) fn room(&self, until: Offset, now: Instant) -> usize {
        let now = self.ms(now);
        let bytes = until.since(self.sent()).min(self.credit.allowance(now));
        // It is at most a frame, which is a usize.
        bytes.min(self.credit.frame_bytes(now) as u64) as usize
    }

    pub(super) fn advance(&mut self, bytes: u64) {
        self.credit.advance(bytes);
        self.reached = self.reached.max(self.credit.sent());
    }

    /// Output goes on there.
    pub(super) fn jump(&mut self, offset: Offset) {
        self.credit.jump(offset);
        self.reached = self.reached.max(offset);
        self.behind_since = None;
    }

    /// Whether it has to be given a snapshot instead of its backlog, with a ring that holds
    /// `tail..head`.
    pub(super) fn lags(&mut self, (tail, head): (Offset, Offset), now: Instant) -> bool {
        if tail > self.sent() {
            return true;
        }
        if self.drives || head.since(self.sent()) <= self.credit.window(self.ms(now)) {
            self.behind_since = None;
            return false;
        }
        let since = *self.behind_since.get_or_insert(now);
        now.duration_since(since) >= PATIENCE
    }

    /// Whether a viewer that lags may be given its snapshot now.
    pub(super) fn takes_snapshot(&self, now: Instant) -> bool {
        let rested = self.last_snapshot.is_none_or(|at| now.duration_since(at) >= PATIENCE);
        let now = self.ms(now);
        rested && self.credit.allowance(now) >= self.credit.window(now) / FREE_FOR_SNAPSHOT
    }

    pub(super) fn snapshot_sent(&mut self, now: Instant) {
        self.last_snapshot = Some(now);
    }

    fn ms(&self, now: Instant) -> u64 {
        // It fits for longer than anything runs.
        now.duration_since(self.begun).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    //! Who lags, and when it is brought back.
    use super::*;

    use termfleet_session::limits::MIN_WINDOW_BYTES;

    const BEHIND: u64 = MIN_WINDOW_BYTES + 1;

    fn pace(drives: bool, now: Instant) -> Pace {
        Pace::new(Offset::new(0), drives, now)
    }

    fn span(tail: u64, head: u64) -> (Offset, Offset) {
        (Offset::new(tail), Offset::new(head))
    }

    #[test]
    fn a_backlog_above_the_window_is_borne_for_a_while() {
        let now = Instant::now();
        let mut pace = pace(false, now);
        assert!(!pace.lags(span(0, BEHIND), now));
        assert!(!pace.lags(span(0, BEHIND), now + PATIENCE / 2));
        assert!(pace.lags(span(0, BEHIND), now + PATIENCE));
    }

    #[test]
    fn catching_up_once_starts_the_patience_anew() {
        let now = Instant::now();
        let mut pace = pace(false, now);
        pace.lags(span(0, BEHIND), now);
        pace.lags(span(0, MIN_WINDOW_BYTES), now + PATIENCE / 2);
        assert!(!pace.lags(span(0, BEHIND), now + PATIENCE));
    }

    #[test]
    fn the_driver_lags_only_when_its_bytes_are_gone() {
        let now = Instant::now();
        let mut pace = pace(true, now);
        assert!(!pace.lags(span(0, BEHIND), now));
        assert!(!pace.lags(span(0, BEHIND), now + PATIENCE * 9));
        assert!(pace.lags(span(1, BEHIND), now + PATIENCE * 9));
    }

    #[test]
    fn who_parses_nothing_is_sent_nothing() {
        let now = Instant::now();
        let mut pace = pace(false, now);
        pace.advance(MIN_WINDOW_BYTES);
        assert_eq!(pace.room(Offset::new(9 << 20), now), 0);
        assert!(!pace.takes_snapshot(now + PATIENCE * 9));
        pace.ack(Offset::new(MIN_WINDOW_BYTES / FREE_FOR_SNAPSHOT - 1), now).unwrap();
        assert!(!pace.takes_snapshot(now + PATIENCE * 9));
        pace.ack(Offset::new(MIN_WINDOW_BYTES / FREE_FOR_SNAPSHOT), now).unwrap();
        assert!(pace.takes_snapshot(now + PATIENCE * 9));
    }

    #[test]
    fn a_frame_is_a_part_of_the_window_and_no_more_than_there_is() {
        let now = Instant::now();
        let mut pace = pace(false, now);
        assert_eq!(pace.room(Offset::new(9 << 20), now), 4 << 10);
        assert_eq!(pace.room(Offset::new(100), now), 100);
        let half = MIN_WINDOW_BYTES / 2;
        for at in 1..=16 {
            pace.advance(half);
            pace.ack(Offset::new(at * half), now).unwrap();
        }
        assert_eq!(pace.room(Offset::new(9 << 20), now), 32 << 10);
    }

    #[test]
    fn snapshots_are_two_a_second() {
        let now = Instant::now();
        let mut pace = pace(false, now);
        pace.snapshot_sent(now);
        assert!(!pace.takes_snapshot(now + PATIENCE / 2));
        assert!(pace.takes_snapshot(now + PATIENCE));
    }

    #[test]
    fn a_late_ack_of_what_was_sent_before_a_snapshot_is_honest() {
        let now = Instant::now();
        let mut pace = pace(false, now);
        pace.advance(1000);
        pace.jump(Offset::new(400));
        pace.ack(Offset::new(1000), now).unwrap();
        assert_eq!(pace.acked(), Offset::new(400));
        assert!(pace.ack(Offset::new(1001), now).is_err());
    }
}
