//! Credit towards one viewer, and when a driver's backlog holds its program back.
//!
//! Offsets are the output's; what was sent and what the client has parsed lie between the channel's
//! first offset and the head.

use crate::{ids::Offset, window::Window};

/// Bytes unsent to the driver at which reading its PTY stops (`byte-lane.md` §4).
pub const PACE_STOP_BYTES: u64 = 512 << 10;
/// Bytes unsent to the driver below which reading starts again.
pub const PACE_START_BYTES: u64 = 128 << 10;

/// An acknowledgement of bytes that were never sent: the client is broken or hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ack of {acked} beyond {sent}, which is all that was sent")]
pub struct AckBeyondSent {
    /// What the client claims to have parsed.
    pub acked: Offset,
    /// What it was sent.
    pub sent: Offset,
}

/// How much one channel was sent and how much of it its client has parsed.
/// Times are milliseconds of the caller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    sent: Offset,
    acked: Offset,
    window: Window,
}

impl Credit {
    /// A channel on which nothing was sent yet; output goes on at `start`.
    #[must_use]
    pub fn new(start: Offset) -> Self {
        Self { sent: start, acked: start, window: Window::default() }
    }

    /// Where output goes on.
    #[must_use]
    pub fn sent(&self) -> Offset {
        self.sent
    }

    /// Up to where the client has parsed.
    #[must_use]
    pub fn acked(&self) -> Offset {
        self.acked
    }

    /// How much may be unacknowledged now.
    #[must_use]
    pub fn window(&self, now_ms: u64) -> u64 {
        self.window.bytes(now_ms)
    }

    /// How many bytes may be sent now.
    #[must_use]
    pub fn allowance(&self, now_ms: u64) -> u64 {
        self.window(now_ms).saturating_sub(self.sent.since(self.acked))
    }

    /// How many of them one frame may hold.
    #[must_use]
    pub fn frame_bytes(&self, now_ms: u64) -> usize {
        self.window.frame_bytes(now_ms)
    }

    /// These many bytes were sent.
    pub fn advance(&mut self, bytes: u64) {
        self.sent = self.sent.plus(bytes);
    }

    /// A snapshot was sent, after which output goes on at `offset`: nothing before it will be acked
    /// byte by byte.
    pub fn jump(&mut self, offset: Offset) {
        self.sent = offset;
        self.acked = offset;
    }

    /// Output goes on at `offset`, which was sent: what comes from there on is sent again, and what was
    /// sent before is acknowledged as ever.
    pub fn step_back(&mut self, offset: Offset) {
        self.sent = self.sent.min(offset);
        self.acked = self.acked.min(offset);
    }

    /// The client has parsed everything before `offset`. Older acknowledgements change nothing.
    ///
    /// # Errors
    /// If that much was never sent.
    pub fn ack(&mut self, offset: Offset, now_ms: u64) -> Result<(), AckBeyondSent> {
        if offset > self.sent {
            return Err(AckBeyondSent { acked: offset, sent: self.sent });
        }
        self.window.acked(offset.since(self.acked), now_ms);
        self.acked = self.acked.max(offset);
        Ok(())
    }
}

/// Whether a program is held back by its driver: two marks, so that it does not stutter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pacer {
    holding: bool,
}

impl Pacer {
    /// Up to where the PTY may be read, given the newest output and what the driver was sent.
    pub fn limit(&mut self, head: Offset, sent: Offset) -> Offset {
        let unsent = head.since(sent);
        if unsent >= PACE_STOP_BYTES {
            self.holding = true;
        } else if unsent < PACE_START_BYTES {
            self.holding = false;
        }
        if self.holding { head } else { sent.plus(PACE_STOP_BYTES) }
    }
}

#[cfg(test)]
mod tests {
    //! The window at, below and above its edge.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::limits::{MAX_WINDOW_BYTES, MIN_WINDOW_BYTES};

    #[test]
    fn a_window_is_used_up_and_given_back() {
        let mut credit = Credit::new(Offset::new(1000));
        assert_eq!(credit.allowance(0), MIN_WINDOW_BYTES);
        credit.advance(MIN_WINDOW_BYTES - 1);
        assert_eq!(credit.allowance(0), 1);
        credit.advance(1);
        assert_eq!(credit.allowance(0), 0);
        credit.ack(Offset::new(1010), 0).unwrap();
        assert_eq!(credit.allowance(0), 10);
        credit.ack(Offset::new(1005), 0).unwrap();
        assert_eq!(credit.acked(), Offset::new(1010), "an older ack changes nothing");
    }

    #[test]
    fn a_step_back_gives_nothing_back_but_what_is_sent_again() {
        let mut credit = Credit::new(Offset::new(0));
        credit.advance(1000);
        for (back_to, left) in [(1001, 1000), (1000, 1000), (999, 999)] {
            credit.step_back(Offset::new(back_to));
            assert_eq!(credit.allowance(0), MIN_WINDOW_BYTES - left);
        }
        credit.ack(Offset::new(999), 0).unwrap();
        credit.step_back(Offset::new(500));
        assert_eq!((credit.acked(), credit.allowance(0)), (Offset::new(500), MIN_WINDOW_BYTES));
    }

    #[test]
    fn what_is_acknowledged_widens_the_window_and_rest_narrows_it() {
        let mut credit = Credit::new(Offset::new(0));
        let mut end = 0;
        while end < MAX_WINDOW_BYTES {
            end += credit.allowance(0);
            credit.advance(credit.allowance(0));
            credit.ack(Offset::new(end), 0).unwrap();
        }
        assert_eq!((credit.window(0), credit.allowance(0)), (MAX_WINDOW_BYTES, MAX_WINDOW_BYTES));
        credit.advance(MAX_WINDOW_BYTES);
        assert_eq!((credit.window(1_000), credit.allowance(1_000)), (MIN_WINDOW_BYTES, 0));
        credit.ack(Offset::new(end + MAX_WINDOW_BYTES - MIN_WINDOW_BYTES + 1), 9_000).unwrap();
        assert_eq!(credit.allowance(10_000), 1, "what is under way counts until it is parsed");
    }

    #[test]
    fn a_snapshot_is_no_acknowledgement() {
        let mut credit = Credit::new(Offset::new(0));
        credit.advance(10);
        credit.jump(Offset::new(9 << 20));
        assert_eq!(credit.window(0), MIN_WINDOW_BYTES);
    }

    #[test]
    fn an_ack_of_what_was_never_sent_is_an_error_and_changes_nothing() {
        let mut credit = Credit::new(Offset::new(0));
        credit.advance(10);
        assert!(credit.ack(Offset::new(11), 0).is_err());
        assert_eq!(credit.acked(), Offset::new(0));
        credit.ack(Offset::new(10), 0).unwrap();
    }

    #[test]
    fn a_program_stops_at_the_upper_mark_and_starts_below_the_lower() {
        let mut pacer = Pacer::default();
        let sent = Offset::new(0);
        assert_eq!(pacer.limit(Offset::new(PACE_STOP_BYTES - 1), sent).get(), PACE_STOP_BYTES);
        assert_eq!(pacer.limit(Offset::new(PACE_STOP_BYTES), sent).get(), PACE_STOP_BYTES);
        // Held: the limit stays at the head until the backlog is small.
        let (head, sent) = (Offset::new(PACE_STOP_BYTES), Offset::new(PACE_STOP_BYTES / 2));
        assert_eq!(pacer.limit(head, sent), head);
        let sent = Offset::new(PACE_STOP_BYTES - PACE_START_BYTES + 1);
        assert_eq!(pacer.limit(head, sent), sent.plus(PACE_STOP_BYTES));
    }
}
