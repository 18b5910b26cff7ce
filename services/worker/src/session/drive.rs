//! Who drives, what that means for the terminal's size, and how far the program may print
//! (`byte-lane.md` §4, §7).

use std::time::Duration;

use termfleet_proto::worker_v1 as pb;
use termfleet_ptyhost::client::SizeAt;
use termfleet_session::{
    credit::{PACE_STOP_BYTES, Pacer},
    ids::Offset,
    limits::Size,
    seat::{HOLD_MS, Seat},
};
use termfleet_store::Change;
use tokio::time::Instant;

use super::{Session, attach::Attachment, exit::Phase};
use crate::viewer::{Tier, Told};

/// Sizes are applied at most 20 times a second (`byte-lane.md` §7).
const RESIZE_EVERY: Duration = Duration::from_millis(50);
/// How long after a change of the size viewers get a snapshot (`byte-lane.md` §3).
const REDRAW_AFTER: Duration = Duration::from_millis(250);
/// A driver that parses nothing for this long while its program waits for it does not drive.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// The driver's part of a session's state, besides the seat itself.
pub(super) struct Drive {
    pacer: Pacer,
    /// The size to apply, once that may be done again.
    wanted: Option<Size>,
    resized_at: Option<Instant>,
    /// When to send what the change of the size did to the screen, and that size's number.
    redraw: Option<(Instant, u64)>,
    /// Up to where the lost driver had parsed the output: from there on it is kept for it.
    held_from: Offset,
    /// An earlier process' driver may be on its way back: until then no more output is asked for
    /// than that process did.
    adopted_until: Option<Instant>,
    /// Since when the program waits for its driver, and what that had parsed then.
    waiting: Option<(Instant, Offset)>,
}

impl Drive {
    pub(super) fn new(adopted: bool) -> Self {
        let hold = Duration::from_millis(HOLD_MS);
        Self {
            pacer: Pacer::default(),
            wanted: None,
            resized_at: None,
            redraw: None,
            held_from: Offset::new(0),
            adopted_until: adopted.then(|| Instant::now() + hold),
            waiting: None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let resize = self.wanted.map(|_| self.resizable_at());
        let redraw = self.redraw.map(|(due, _)| due);
        let stalled = self.waiting.map(|(since, _)| since + STALLED_AFTER);
        [resize, redraw, stalled, self.adopted_until].into_iter().flatten().min()
    }

    /// A driver's socket was lost; it has parsed everything before `acked`.
    pub(super) fn hold_from(&mut self, acked: Offset) {
        self.held_from = acked;
    }

    /// A new shell: nothing of the old one's output counts.
    pub(super) fn restart(&mut self) {
        *self = Self { resized_at: self.resized_at, ..Self::new(false) };
    }

    fn resizable_at(&self) -> Instant {
        self.resized_at.map_or_else(Instant::now, |at| at + RESIZE_EVERY)
    }
}

impl Session {
    /// The seat's clock.
    pub(super) fn seat_ms(&self) -> u64 {
        // It counts from the actor's start.
        self.started.elapsed().as_millis() as u64
    }

    pub(super) fn seat_deadline(&self) -> Option<Instant> {
        match &self.seat {
            Seat::Held { until_ms, .. } => Some(self.started + Duration::from_millis(*until_ms)),
            Seat::Free | Seat::Taken(_) => None,
        }
    }

    pub(super) fn expire_seat(&mut self) {
        if self.seat.expire(self.seat_ms()) {
            self.tell_seat();
        }
        if self.drive.adopted_until.is_some_and(|until| until <= Instant::now()) {
            self.drive.adopted_until = None;
        }
    }

    /// Somebody may have got or left the seat: everybody hears of it, and the driver's size holds.
    pub(super) async fn seat_changed(&mut self) {
        if self.tell_seat()
            && let Some(size) = self.driver().and_then(|driver| driver.size)
        {
            self.want_size(size).await;
        }
    }

    /// True if it has changed for anybody.
    fn tell_seat(&mut self) -> bool {
        if self.seat == self.told_seat {
            return false;
        }
        self.told_seat = self.seat.clone();
        let taken = self.seat.driver().is_some();
        let mut changed = false;
        for attachment in self.attachments.values_mut() {
            let driver = self.seat.is(&attachment.who);
            attachment.viewer.set_drives(driver);
            if attachment.told_seat != (driver, taken) {
                attachment.told_seat = (driver, taken);
                attachment.viewer.tell(Told::Driver(pb::DriverChanged { driver, taken }));
                changed = true;
            }
        }
        changed
    }

    pub(super) fn driver(&self) -> Option<&Attachment> {
        self.attachments.values().find(|attachment| self.seat.is(&attachment.who))
    }

    /// The driver that the program waits for: one that wants every byte.
    fn pacing_driver(&self) -> Option<&Attachment> {
        self.driver().filter(|driver| driver.viewer.tier() == Tier::Live)
    }

    /// A client's window has another size, which holds if it drives.
    pub(super) async fn resize(&mut self, number: u64, size: Size) {
        let Some(attachment) = self.attachments.get_mut(&number) else { return };
        attachment.size = Some(size);
        if self.seat.is(&attachment.who) {
            self.want_size(size).await;
        }
    }

    pub(super) async fn want_size(&mut self, size: Size) {
        self.drive.wanted = Some(size);
        self.apply_size(Instant::now()).await;
    }

    /// Applies the newest size, if enough time has passed since the last.
    pub(super) async fn apply_size(&mut self, now: Instant) {
        if !self.alive() || self.drive.wanted == Some(self.handle.size()) {
            self.drive.wanted = None;
        }
        if self.drive.resized_at.is_some_and(|at| now < at + RESIZE_EVERY) {
            return;
        }
        let Some(size) = self.drive.wanted.take() else { return };
        self.drive.resized_at = Some(now);
        let id = &self.handle.facts().id;
        self.feed.desk.hold_at(self.feed.ring.head());
        match self.context.client.resize(id, self.feed.epoch, size).await {
            Ok(offset) => {
                self.handle.set_size(size);
                self.handle.active();
                let number = self.feed.resized(SizeAt { offset, size });
                self.drive.redraw = Some((now + REDRAW_AFTER, number));
                self.note_soon(Change { size: Some(size), ..Change::default() });
            }
            // It has ended meanwhile, or the ptyhost has: its own news says so.
            Err(error) => tracing::debug!(%error, session = %id, "resize refused"),
        }
        self.feed.desk.release();
    }

    /// A while after the size has changed, viewers get the screen as it is: their terminals wrap
    /// lines anew, and take rows out of their history or put some there, by rules of their own.
    pub(super) fn redraw(&mut self, now: Instant) {
        let Some((_, number)) = self.drive.redraw.filter(|(due, _)| *due <= now) else { return };
        self.drive.redraw = None;
        for attachment in self.attachments.values() {
            attachment.viewer.redraw(number);
        }
    }

    /// Lets the ptyhost read on, as far as the driver, the seat or nobody holds the program back.
    pub(super) async fn pace(&mut self) {
        if !matches!(self.phase, Phase::Running) {
            self.drive.waiting = None;
            return;
        }
        let head = self.feed.ring.head();
        let limit = self.allowed(head);
        if limit > self.feed.limit() {
            self.feed.set_limit(limit);
            let id = &self.handle.facts().id;
            // A connection that has ended is told by the pump.
            let _ = self.context.client.limit(id, self.feed.epoch, limit).await;
        }
        self.note_waiting(head);
    }

    /// Whoever holds the program back, the ring never overwrites what the screen has yet to read.
    fn allowed(&mut self, head: Offset) -> Offset {
        let half = self.feed.ring.capacity() / 2;
        self.wanted_by_seat(head).min(self.feed.desk.read().plus(half))
    }

    fn wanted_by_seat(&mut self, head: Offset) -> Offset {
        if let Some(sent) = self.pacing_driver().map(|driver| driver.viewer.progress().0) {
            self.drive.adopted_until = None;
            return self.drive.pacer.limit(head, sent);
        }
        if self.driver().is_some() {
            self.drive.adopted_until = None;
            return head.plus(PACE_STOP_BYTES);
        }
        if matches!(self.seat, Seat::Held { .. }) {
            return self.drive.held_from.plus(self.feed.ring.capacity());
        }
        if self.drive.adopted_until.is_some() {
            return self.feed.limit();
        }
        head.plus(PACE_STOP_BYTES)
    }

    /// Notes since when the program waits for its driver, if it does.
    fn note_waiting(&mut self, head: Offset) {
        let waits = head >= self.feed.limit();
        let driver = self.pacing_driver().filter(|_| waits);
        let acked = driver.map(|driver| driver.viewer.progress().1);
        self.drive.waiting = acked.map(|acked| match self.drive.waiting {
            Some((since, before)) if before == acked => (since, before),
            _ => (Instant::now(), acked),
        });
    }

    /// A driver that stands still for long while its program waits counts as gone: memory stays
    /// flat, and the program runs on.
    pub(super) fn watch_driver(&mut self, now: Instant) {
        let Some((since, before)) = self.drive.waiting else { return };
        let Some(driver) = self.driver() else { return };
        if driver.viewer.progress().1 != before {
            self.drive.waiting = None;
        } else if now.duration_since(since) >= STALLED_AFTER {
            let who = driver.who.clone();
            tracing::debug!(session = %self.handle.facts().id, "the driver stalled");
            self.drive.waiting = None;
            self.seat.leave(&who);
            self.tell_seat();
        }
    }
}
