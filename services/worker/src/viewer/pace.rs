//! How fast one viewer is fed: within its credit, as its tier says, and with a snapshot instead of
//! its backlog once it has fallen too far behind (`byte-lane.md` §4, §8).
//!
//! "Too far" is meant to last: a backlog above the window for [`PATIENCE`]. A flood puts everybody
//! above it for a moment, and who keeps up must not lose a byte for that.

use std::time::Duration;

use termfleet_session::{
    credit::{AckBeyondSent, Credit},
    ids::Offset,
};
use tokio::time::Instant;

use super::tier::Tier;

/// How long a backlog above the window is borne, and how far apart its snapshots are: 2 a second.
const PATIENCE: Duration = Duration::from_millis(500);
/// A viewer that lags gets its snapshot once it has parsed so much of what it was sent that this
/// part of its window is free again: one that parses nothing is sent nothing, however long it lags.
const FREE_FOR_SNAPSHOT: u64 = 2;

/// How far apart the updates of a `preview` viewer are: 2 a second (`byte-lane.md` §5).
const UPDATE_EVERY: Duration = Duration::from_millis(500);
/// Up to so much new output an update brings as it is; for more it is a snapshot.
const UPDATE_BYTES: u64 = 16 << 10;

/// Why a viewer is to be given a snapshot instead of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// It cannot keep up.
    Lags,
    /// It is not fed every byte, or was not until now: it lacks nothing that it wanted.
    CatchesUp,
}

/// One viewer's pace.
#[derive(Debug)]
pub(super) struct Pace {
    /// It drives: if it is live the program waits for it, so it gets every byte.
    pub(super) drives: bool,
    tier: Tier,
    credit: Credit,
    /// Up to where a `preview` viewer may be fed: what had been printed at its last update, …
    open_until: Offset,
    /// … and when the next one may be.
    next_update: Instant,
    /// It came back to being fed every byte, and lacks too many of them.
    owed_a_screen: bool,
    /// Its credit's clock counts from here.
    begun: Instant,
    /// The highest offset it was ever sent: acknowledgements on their way while a snapshot takes it
    /// back are honest.
    reached: Offset,
    behind_since: Option<Instant>,
    last_snapshot: Option<Instant>,
}

impl Pace {
    pub(super) fn new(start: Offset, drives: bool, tier: Tier, now: Instant) -> Self {
        Self {
            drives,
            tier,
            credit: Credit::new(start),
            open_until: start,
            next_update: now,
            owed_a_screen: false,
            begun: now,
            reached: start,
            behind_since: None,
            last_snapshot: None,
        }
    }

    pub(super) fn tier(&self) -> Tier {
        self.tier
    }

    /// It is fed in another way from now on, with a ring that holds `tail..head`.
    pub(super) fn set_tier(&mut self, tier: Tier, (tail, head): (Offset, Offset), now: Instant) {
        (self.tier, self.behind_since) = (tier, None);
        (self.open_until, self.next_update) = (self.sent(), now);
        // What is no more than its window it could be behind in any case (`byte-lane.md` §2).
        let lacks_much =
            tail > self.sent() || head.since(self.sent()) > self.credit.window(self.ms(now));
        self.owed_a_screen = tier == Tier::Live && lacks_much;
    }

    /// Up to where output may go now, which is printed up to `head`; if that is not all of it, also
    /// when there may be more.
    pub(super) fn opens(&mut self, head: Offset, now: Instant) -> (Offset, Option<Instant>) {
        match self.tier {
            Tier::Live => return (head, None),
            Tier::Events => return (self.sent(), None),
            Tier::Preview => {}
        }
        if self.update_is_due(head, now) {
            self.update_to(head, now);
        }
        (self.open_until, (head > self.open_until).then_some(self.next_update))
    }

    fn update_is_due(&self, head: Offset, now: Instant) -> bool {
        self.sent() >= self.open_until && head > self.sent() && now >= self.next_update
    }

    fn update_to(&mut self, head: Offset, now: Instant) {
        (self.open_until, self.next_update) = (head, now + UPDATE_EVERY);
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
        (self.behind_since, self.owed_a_screen) = (None, false);
    }

    /// It is shown the screen as it was at an offset that it was sent, and output goes on there.
    pub(super) fn step_back(&mut self, offset: Offset) {
        self.credit.step_back(offset);
    }

    /// Whether it has to be given a snapshot instead of its backlog, with a ring that holds
    /// `tail..head`.
    pub(super) fn skips(&mut self, (tail, head): (Offset, Offset), now: Instant) -> Option<Skip> {
        let sent = self.sent();
        match self.tier {
            Tier::Events => None,
            Tier::Preview => {
                let much = self.update_is_due(head, now) && head.since(sent) > UPDATE_BYTES;
                (much || tail > sent).then_some(Skip::CatchesUp)
            }
            Tier::Live if self.owed_a_screen => Some(Skip::CatchesUp),
            Tier::Live => self.lags((tail, head), now).then_some(Skip::Lags),
        }
    }

    fn lags(&mut self, (tail, head): (Offset, Offset), now: Instant) -> bool {
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

    /// It was sent a snapshot of what had been printed up to `head`.
    pub(super) fn snapshot_sent(&mut self, head: Offset, now: Instant) {
        self.last_snapshot = Some(now);
        self.update_to(head, now);
    }

    /// When a snapshot that it may not be given now may be due; none if it has to acknowledge first.
    pub(super) fn snapshot_due(&self, now: Instant) -> Option<Instant> {
        self.last_snapshot.map(|at| at + PATIENCE).filter(|due| *due > now)
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
        Pace::new(Offset::new(0), drives, Tier::Live, now)
    }

    fn fed(tier: Tier, now: Instant) -> Pace {
        Pace::new(Offset::new(0), false, tier, now)
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
        pace.snapshot_sent(Offset::new(0), now);
        assert!(!pace.takes_snapshot(now + PATIENCE / 2));
        assert!(pace.takes_snapshot(now + PATIENCE));
    }

    #[test]
    fn a_preview_has_two_updates_a_second_of_few_bytes_as_they_are() {
        let now = Instant::now();
        let mut pace = fed(Tier::Preview, now);
        let at = |bytes| Offset::new(bytes);
        assert_eq!(pace.opens(at(10), now), (at(10), None), "after quiet at once");
        pace.advance(10);
        let next = now + UPDATE_EVERY;
        assert_eq!(pace.opens(at(20), now), (at(10), Some(next)));
        let early = next - Duration::from_millis(1);
        assert_eq!(pace.opens(at(20), early), (at(10), Some(next)));
        assert_eq!(pace.skips(span(0, 20), next), None);
        assert_eq!(pace.opens(at(20), next), (at(20), None));
    }

    #[test]
    fn a_preview_of_much_output_is_a_snapshot() {
        let now = Instant::now();
        for (bytes, skips) in [
            (UPDATE_BYTES - 1, None),
            (UPDATE_BYTES, None),
            (UPDATE_BYTES + 1, Some(Skip::CatchesUp)),
        ] {
            let mut pace = fed(Tier::Preview, now);
            assert_eq!(pace.skips(span(0, bytes), now), skips, "{bytes}");
        }
        let mut pace = fed(Tier::Preview, now);
        pace.snapshot_sent(Offset::new(100 << 10), now);
        pace.jump(Offset::new(90 << 10));
        // The screen's own bytes follow at once, and the next update comes in its time.
        assert_eq!(pace.skips(span(0, 900 << 10), now), None);
        assert_eq!(pace.opens(Offset::new(900 << 10), now).0, Offset::new(100 << 10));
        pace.advance(10 << 10);
        assert_eq!(pace.skips(span(0, 900 << 10), now + UPDATE_EVERY), Some(Skip::CatchesUp));
    }

    #[test]
    fn who_is_fed_less_never_lags() {
        let now = Instant::now();
        for later in [Duration::ZERO, PATIENCE, PATIENCE * 9] {
            assert_eq!(fed(Tier::Events, now).skips(span(9 << 20, 10 << 20), now + later), None);
            let mut preview = fed(Tier::Preview, now);
            assert_eq!(preview.skips(span(1, 10 << 20), now + later), Some(Skip::CatchesUp));
        }
        let mut events = fed(Tier::Events, now);
        assert_eq!(events.opens(Offset::new(100), now), (Offset::new(0), None));
    }

    #[test]
    fn who_is_live_again_catches_up_with_bytes_within_its_window() {
        let now = Instant::now();
        for (tail, head, skips) in [
            (0, MIN_WINDOW_BYTES, None),
            (0, MIN_WINDOW_BYTES + 1, Some(Skip::CatchesUp)),
            (1, MIN_WINDOW_BYTES, Some(Skip::CatchesUp)),
        ] {
            let mut pace = fed(Tier::Events, now);
            pace.set_tier(Tier::Live, span(tail, head), now);
            assert_eq!(pace.skips(span(tail, head), now), skips, "{tail}..{head}");
        }
        let mut driver = pace(true, now);
        driver.set_tier(Tier::Events, span(0, 0), now);
        driver.set_tier(Tier::Live, span(0, 9 << 20), now);
        assert_eq!(driver.skips(span(0, 9 << 20), now), Some(Skip::CatchesUp));
        driver.jump(Offset::new(9 << 20));
        assert_eq!(driver.skips(span(0, 9 << 20), now), None);
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
