//! When to tell a worker about new output (`byte-lane.md` §5): a byte after quiet at once, a flood in
//! batches. A pure rule; the bytes are in the ring already and lose nothing by waiting.

use std::time::Duration;

use tokio::time::Instant;

/// The longest that a byte waits for company under load.
const GATHER_FOR: Duration = Duration::from_millis(2);
/// What is told at once after quiet: one read's worth, so that echoes, prompts and redraws, which come
/// as a few small writes, never wait.
const LIGHT_BYTES: usize = 4 << 10;
/// What is told at once however busy the program is: more would make the worker's turns long.
const GATHER_BYTES: usize = 64 << 10;

/// Output that has been read, as far as it has been told.
#[derive(Debug)]
pub(crate) struct Gather {
    window_ends: Instant,
    in_window: usize,
    /// The span before this one was not quiet, so nothing of this one is told at once.
    loaded: bool,
    untold: usize,
}

impl Gather {
    pub(crate) fn new(now: Instant) -> Self {
        Self { window_ends: now, in_window: 0, loaded: false, untold: 0 }
    }

    /// Notes `len` more bytes and says whether to tell now; if not, [`Self::deadline`] says when.
    pub(crate) fn read(&mut self, len: usize, now: Instant) -> bool {
        if now >= self.window_ends {
            self.loaded = self.in_window > LIGHT_BYTES && now < self.window_ends + GATHER_FOR;
            self.window_ends = now + GATHER_FOR;
            self.in_window = 0;
        }
        self.in_window += len;
        self.untold += len;
        let light = !self.loaded && self.in_window <= LIGHT_BYTES;
        self.untold > 0 && (light || self.untold >= GATHER_BYTES)
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

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn up_to_4_kib_after_quiet_are_told_at_once() {
        for (len, at_once) in
            [(LIGHT_BYTES - 1, true), (LIGHT_BYTES, true), (LIGHT_BYTES + 1, false)]
        {
            let now = Instant::now();
            assert_eq!(Gather::new(now).read(len, now), at_once, "{len}");
        }
    }

    #[test]
    fn what_waits_is_told_at_64_kib() {
        for (len, told) in
            [(GATHER_BYTES - 1, false), (GATHER_BYTES, true), (GATHER_BYTES + 1, true)]
        {
            let now = Instant::now();
            assert_eq!(Gather::new(now).read(len, now), told, "{len}");
        }
    }

    /// A flood's first spans, told whenever that is due.
    fn flooded(now: Instant) -> Gather {
        let mut gather = Gather::new(now);
        gather.read(LIGHT_BYTES, now);
        gather.told();
        gather.read(LIGHT_BYTES, now);
        assert_eq!(gather.deadline(), Some(now + GATHER_FOR));
        gather.told();
        gather
    }

    #[test]
    fn under_load_a_new_span_tells_nothing_at_once() {
        let now = Instant::now();
        for (later, at_once) in
            [(GATHER_FOR, false), (2 * GATHER_FOR - MS, false), (2 * GATHER_FOR, true)]
        {
            assert_eq!(flooded(now).read(1, now + later), at_once, "{later:?}");
        }
    }

    #[test]
    fn a_trickle_after_a_flood_waits_once() {
        let now = Instant::now();
        let mut gather = flooded(now);
        assert!(!gather.read(1, now + GATHER_FOR));
        assert_eq!(gather.deadline(), Some(now + 2 * GATHER_FOR));
        gather.told();
        assert!(gather.read(1, now + 2 * GATHER_FOR));
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
        let later = now + 2 * GATHER_FOR;
        gather.told();
        assert!(gather.read(4096, later), "it was quiet");
    }
}
