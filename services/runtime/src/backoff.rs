//! How long to wait before the next attempt: exponential, with full jitter, capped.
//!
//! Full jitter (a uniform choice between nothing and the exponential ceiling) spreads a herd of
//! clients that lost the same server better than any fixed ladder. Whether to try again is the
//! caller's decision.

use std::time::Duration;

/// The waits between attempts at one thing. Each wait is chosen uniformly between zero and a
/// ceiling that starts at `base` and doubles up to `cap`.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempt: u32,
}

impl Backoff {
    /// Waits of at most `base` at first and never more than `cap`.
    #[must_use]
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, attempt: 0 }
    }

    /// The next wait.
    pub fn next_delay(&mut self) -> Duration {
        let delay = full_jitter(self.base, self.cap, self.attempt, random());
        self.attempt = self.attempt.saturating_add(1);
        delay
    }

    /// It worked: the next failure starts at `base` again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// How many waits were taken since the last success.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempt
    }
}

/// The most that attempt number `attempt` (from 0) may wait: `base` doubled each time, up to `cap`.
#[must_use]
pub fn ceiling(base: Duration, cap: Duration, attempt: u32) -> Duration {
    let factor = 1u32.checked_shl(attempt).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(cap)
}

/// A wait between zero and the ceiling, both included, as `random` (uniform over all of `u64`)
/// says.
#[must_use]
pub fn full_jitter(base: Duration, cap: Duration, attempt: u32, random: u64) -> Duration {
    let most = ceiling(base, cap, attempt).as_nanos();
    // The product's upper half is `most * random / 2^64`; the ceiling fits 64 bits of nanoseconds
    // (584 years) or is cut to it.
    let most = u128::from(u64::try_from(most).unwrap_or(u64::MAX));
    let nanos = ((most + 1) * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn random() -> u64 {
    // Without randomness (a sandbox that forbids the system call) the wait is the middle of the
    // range: still a backoff, only without jitter.
    getrandom::u64().unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    //! Waits grow, stay under their cap, and use the whole range.
    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(5);

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let ms: Vec<_> = (0..8).map(|n| ceiling(BASE, CAP, n).as_millis()).collect();
        assert_eq!(ms, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(ceiling(BASE, CAP, u32::MAX), CAP);
    }

    #[test]
    fn jitter_reaches_both_ends() {
        assert_eq!(full_jitter(BASE, CAP, 3, 0), Duration::ZERO);
        assert_eq!(full_jitter(BASE, CAP, 3, u64::MAX), Duration::from_millis(800));
        assert_eq!(full_jitter(BASE, CAP, 3, 1 << 63), Duration::from_millis(400));
    }

    #[test]
    fn success_starts_again() {
        let mut backoff = Backoff::new(BASE, CAP);
        for _ in 0..20 {
            assert!(backoff.next_delay() <= CAP);
        }
        backoff.reset();
        assert_eq!(backoff.attempts(), 0);
        assert!(backoff.next_delay() <= BASE);
    }

    proptest! {
        #[test]
        fn never_above_the_ceiling(attempt: u32, random: u64, base in 0u64..1 << 40, cap: u64) {
            let (base, cap) = (Duration::from_nanos(base), Duration::from_nanos(cap));
            prop_assert!(full_jitter(base, cap, attempt, random) <= ceiling(base, cap, attempt));
        }
    }
}
