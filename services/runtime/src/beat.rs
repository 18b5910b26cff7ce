//! Common beats: what many tasks want to do at about the same time, they do at the same time, and the
//! process wakes up once for all of them.

use std::{sync::OnceLock, time::Duration};

use tokio::time::Instant;

/// The first beat at or after a moment, of beats that are so far apart: the same for every task.
#[must_use]
pub fn at_or_after(moment: Instant, apart: Duration) -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let first = *FIRST.get_or_init(Instant::now);
    let since = moment.saturating_duration_since(first);
    let apart = u64::try_from(apart.as_nanos()).unwrap_or(u64::MAX).max(1);
    // 584 years of nanoseconds fit.
    let past = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) % apart;
    if past == 0 { moment } else { moment + Duration::from_nanos(apart - past) }
}

#[cfg(test)]
mod tests {
    //! Moments meet.
    use super::*;

    const APART: Duration = Duration::from_millis(25);

    #[test]
    fn moments_between_two_beats_meet_at_the_second() {
        let beat = at_or_after(Instant::now() + APART * 4, APART);
        assert_eq!(at_or_after(beat, APART), beat, "a beat is its own");
        for early in [1, 10_000_000, 24_999_999] {
            assert_eq!(at_or_after(beat - Duration::from_nanos(early), APART), beat);
        }
        assert_eq!(at_or_after(beat - APART, APART), beat - APART);
        assert_eq!(at_or_after(beat + Duration::from_nanos(1), APART), beat + APART);
    }
}
