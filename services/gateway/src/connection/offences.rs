//! Bad messages: each is answered, too many in a short time end the socket.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The bad message that ends a socket …
const MOST: usize = 5;
/// … if so many come within this time (`protocol.md` §7).
const WITHIN: Duration = Duration::from_secs(10);

/// When the last bad messages came.
#[derive(Debug, Default)]
pub(super) struct Offences {
    at: VecDeque<Instant>,
}

impl Offences {
    /// Notes a bad message. True: that was one too many.
    pub(super) fn note(&mut self, now: Instant) -> bool {
        while self.at.front().is_some_and(|at| now.duration_since(*at) >= WITHIN) {
            self.at.pop_front();
        }
        self.at.push_back(now);
        self.at.len() >= MOST
    }
}

#[cfg(test)]
mod tests {
    //! The fifth within ten seconds.

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_fifth_within_ten_seconds_is_too_many() {
        let start = Instant::now();
        let mut offences = Offences::default();
        for second in 0..4 {
            assert!(!offences.note(start + Duration::from_secs(second)));
        }
        assert!(offences.note(start + Duration::from_millis(9_999)));
    }

    #[tokio::test(start_paused = true)]
    async fn old_ones_are_forgotten() {
        let start = Instant::now();
        let mut offences = Offences::default();
        for second in 0..60 {
            assert!(!offences.note(start + Duration::from_millis(2_500 * second)), "{second}");
        }
    }
}
