//! When to tell a worker about new output (`byte-lane.md` §5): a byte after quiet at once, a flood in
//! batches. A pure rule; the bytes are in the ring already and lose nothing by waiting.

use std::time::Duration;

use tokio::time::Instant;

/// The longest that a byte waits for company under load.
const GATHER_FOR: Duration = Duration::from_millis(2);
/// What is told at once in each such span: one read's worth, so that echoes, prompts and redraws,
/// which come as a few small writes, never wait.
const LIGHT_BYTES: usize = 4 << 10;
/// What is told at once however busy the program is: more would make the worker's turns long.
const GATHER_BYTES: usize = 64 << 10;

/// Output that has been read, as far as it has been told.
#[derive(Debug)]
pub(crate) struct Gather {
    window_ends: Instant,
    in_window: usize,
    untold: usize,
}

impl Gather {
    pub(crate) fn new(now: Instant) -> Self {
        Self { window_ends: now, in_window: 0, untold: 0 }
    }

    /// Notes `len` more bytes and says whether to tell now; if not, [`Self::deadline`] says when.
    pub(crate) fn read(&mut self, len: usize, now: Instant) -> bool {
        if now >= self.window_ends {
            self.window_ends = now + GATHER_FOR;
            self.in_window = 0;
        }
        self.in_window += len;
        self.untold += len;
        self.untold > 0 && (self.in_window <= LIGHT_BYTES || self.untold >= GATHER_BYTES)
    }

    /// Notes that everything has been told.
    pub(crate) fn told(&mut self) {
        self.untold = 0;
    }

    /// By when to tell what has been read, if anything waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.untold > 0).then_some(self.window_ends)
    }
}

#[cfg(test)]
mod tests {
    //! Quiet, light and heavy output.
    use super::*;

    #[test]
    fn light_output_never_waits() {
        let now = Instant::now();
        let mut gather = Gather::new(now);
        for _ in 0..64 {
            assert!(gather.read(60, now));
            gather.told();
        }
        assert_eq!(gather.deadline(), None);
    }

    #[test]
    fn a_flood_is_told_by_64_kib_or_2_ms() {
        let now = Instant::now();
        let mut gather = Gather::new(now);
        assert!(gather.read(4096, now), "the first read of a burst");
        gather.told();
        for _ in 0..15 {
            assert!(!gather.read(4096, now));
        }
        assert_eq!(gather.deadline(), Some(now + GATHER_FOR));
        assert!(gather.read(4096, now), "64 KiB are together");
        gather.told();
        assert!(!gather.read(4096, now));
        assert!(!gather.read(0, now), "no byte is no news");
        let later = now + GATHER_FOR;
        gather.told();
        assert!(gather.read(4096, later), "a new window");
    }
}
