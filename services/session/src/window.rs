//! How much may be unacknowledged towards one viewer: what it acknowledged in the last second, so
//! that a slow pipe never holds seconds of output and a fast one is never short of it
//! (`byte-lane.md` §4).
//!
//! A window begins at its smallest. What a pipe carries is not known before something has gone
//! through it, and from there it grows as fast as acknowledgements come: with any round trip below a
//! second, what comes back in a second is more than one window.

use crate::limits::{MAX_FRAME_BYTES, MAX_WINDOW_BYTES, MIN_FRAME_BYTES, MIN_WINDOW_BYTES};

/// The second is counted in slots of this length …
const SLOT_MS: u64 = 100;
/// … and so many of them are a second: the youngest is never full, so that it is less, never more.
const SLOTS: usize = 10;
/// A frame is this part of the window, so that one session's turn is short.
const FRAMES_PER_WINDOW: u64 = 16;

/// What was acknowledged in the last second. Times are milliseconds of the caller's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    slots: [u64; SLOTS],
    /// The slot of the last acknowledgement, counted since the clock began.
    newest: u64,
}

impl Window {
    /// So many bytes more were acknowledged.
    pub fn acked(&mut self, bytes: u64, now_ms: u64) {
        let slot = now_ms / SLOT_MS;
        // What fell out of the second meanwhile; a clock that stands or goes back ages nothing.
        for gone in (self.newest + 1..=slot).take(SLOTS) {
            self.slots[index(gone)] = 0;
        }
        self.newest = self.newest.max(slot);
        self.slots[index(self.newest)] += bytes;
    }

    /// How much may be unacknowledged now.
    #[must_use]
    pub fn bytes(&self, now_ms: u64) -> u64 {
        let slot = now_ms / SLOT_MS;
        let oldest = (slot + 1).saturating_sub(SLOTS as u64);
        let first = (self.newest + 1).saturating_sub(SLOTS as u64);
        let counted: u64 =
            (first.max(oldest)..=self.newest).map(|slot| self.slots[index(slot)]).sum();
        counted.clamp(MIN_WINDOW_BYTES, MAX_WINDOW_BYTES)
    }

    /// The longest frame to send now.
    #[must_use]
    pub fn frame_bytes(&self, now_ms: u64) -> usize {
        // The window is at most half a MiB.
        let part = (self.bytes(now_ms) / FRAMES_PER_WINDOW) as usize;
        part.clamp(MIN_FRAME_BYTES, MAX_FRAME_BYTES)
    }
}

fn index(slot: u64) -> usize {
    (slot % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    //! Both bounds, the second's edge, and what the rule is for: pipes of any speed.
    use super::*;

    /// A window after so many bytes in the first slot.
    fn after(bytes: u64) -> Window {
        let mut window = Window::default();
        window.acked(bytes, 0);
        window
    }

    #[test]
    fn it_begins_at_its_smallest() {
        let window = Window::default();
        assert_eq!((window.bytes(0), window.frame_bytes(0)), (MIN_WINDOW_BYTES, MIN_FRAME_BYTES));
    }

    #[test]
    fn it_is_what_was_acknowledged_between_its_bounds() {
        for (acked, bytes) in [
            (MIN_WINDOW_BYTES - 1, MIN_WINDOW_BYTES),
            (MIN_WINDOW_BYTES, MIN_WINDOW_BYTES),
            (MIN_WINDOW_BYTES + 1, MIN_WINDOW_BYTES + 1),
            (MAX_WINDOW_BYTES - 1, MAX_WINDOW_BYTES - 1),
            (MAX_WINDOW_BYTES, MAX_WINDOW_BYTES),
            (MAX_WINDOW_BYTES + 1, MAX_WINDOW_BYTES),
        ] {
            assert_eq!(after(acked).bytes(0), bytes, "{acked}");
        }
    }

    #[test]
    fn a_frame_is_a_sixteenth_between_its_bounds() {
        let (least, most) = (MIN_FRAME_BYTES as u64, MAX_FRAME_BYTES as u64);
        for (window, frame) in [
            (least * 16 - 16, least),
            (least * 16, least),
            (least * 16 + 16, least + 1),
            (most * 16 - 16, most - 1),
            (most * 16, most),
            (most * 16 + 16, most),
        ] {
            assert_eq!(after(window).frame_bytes(0) as u64, frame, "{window}");
        }
    }

    #[test]
    fn a_second_later_it_counts_no_more() {
        let mut window = after(200 << 10);
        window.acked(100 << 10, 500);
        assert_eq!(window.bytes(999), 300 << 10);
        assert_eq!(window.bytes(1_000), 100 << 10);
        assert_eq!(window.bytes(1_499), 100 << 10);
        assert_eq!(window.bytes(1_500), MIN_WINDOW_BYTES);
        window.acked(70 << 10, 60_000);
        assert_eq!(window.bytes(60_000), 70 << 10, "slots are used again");
        window.acked(1 << 10, 59_000);
        assert_eq!(window.bytes(60_000), 71 << 10, "a clock that goes back loses nothing");
    }

    /// A sender that always has output, and a client behind a pipe of this speed and round trip;
    /// answers the most that was under way, and the last window.
    fn flood(bytes_per_ms: u64, round_trip_ms: u64, for_ms: u64) -> (u64, u64) {
        let mut window = Window::default();
        let (mut sent, mut passed, mut acked, mut most) = (0, 0, 0, 0);
        let mut returning = std::collections::VecDeque::new();
        for now in 0..for_ms {
            sent = sent.max(acked + window.bytes(now));
            most = most.max(sent - acked);
            passed = sent.min(passed + bytes_per_ms);
            returning.push_back((now + round_trip_ms, passed));
            while let Some((_, offset)) = returning.pop_front_if(|(at, _)| *at <= now) {
                window.acked(offset - acked, now);
                acked = offset;
            }
        }
        (most, window.bytes(for_ms))
    }

    #[test]
    fn a_slow_pipe_never_holds_more_than_a_second() {
        for bytes_per_ms in [100, 200, 400] {
            let (most, _) = flood(bytes_per_ms, 40, 30_000);
            assert!(most <= bytes_per_ms * 1_000, "{most} at {bytes_per_ms} kB/s");
        }
        // Below 64 KiB a second it is the floor: less would cost those who are only far away.
        assert_eq!(flood(20, 40, 30_000), (MIN_WINDOW_BYTES, MIN_WINDOW_BYTES));
    }

    #[test]
    fn a_fast_pipe_has_the_largest_window_soon() {
        assert_eq!(flood(100_000, 1, 200).1, MAX_WINDOW_BYTES);
        assert_eq!(flood(100_000, 50, 600).1, MAX_WINDOW_BYTES);
        assert_eq!(flood(100_000, 200, 1_500).1, MAX_WINDOW_BYTES);
    }
}
