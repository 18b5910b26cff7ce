//! The wall clock, read here and nowhere else.
//!
//! What is measured (durations, deadlines) uses `tokio::time`, which tests can pause; what is told
//! to others (timestamps, expiries) uses these.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC: the protocol's `timestamp`.
#[must_use]
pub fn now_ms() -> u64 {
    // A clock set before 1970 is a broken machine; 0 makes everything look expired, which is safe.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970-01-01 UTC: what tokens are checked against.
#[must_use]
pub fn now_unix() -> i64 {
    i64::try_from(now_ms() / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    //! Both clocks tell the same, present time.
    use super::*;

    /// 2025-01-01: before any build of this program.
    const PAST: i64 = 1_735_689_600;

    #[test]
    fn both_tell_the_present() {
        let (before, ms, after) = (now_unix(), now_ms(), now_unix());
        assert!(before > PAST);
        assert!((before..=after).contains(&i64::try_from(ms / 1000).unwrap()));
    }
}
