//! Everything a socket does because time has passed: pings, silence, sign-in, a token's end, drain.
//!
//! Deadlines only; what is done about one is the connection's business.

use std::time::Duration;

use termfleet_runtime::clock;
use tokio::time::Instant;

/// How often the server pings (`protocol.md` §6).
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Silence after which a client is taken for dead: two pings unanswered.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a client may take to sign in.
const SIGN_IN_TIME: Duration = Duration::from_secs(5);
/// How long before its end a token's holder is warned.
const WARNING: Duration = Duration::from_secs(60);

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A ping.
    Ping,
    /// The client was silent for too long.
    Silent,
    /// The client has not signed in.
    SignIn,
    /// The token ends in a minute.
    Expiring,
    /// The token has ended.
    Expired,
    /// The gateway goes now.
    Leave,
}

/// A socket's deadlines.
#[derive(Debug)]
pub(super) struct Heartbeat {
    heard: Instant,
    ping: Instant,
    sign_in: Option<Instant>,
    warning: Option<Instant>,
    expiry: Option<Instant>,
    leave: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        let (ping, sign_in) = (now + PING_INTERVAL, Some(now + SIGN_IN_TIME));
        Self { heard: now, ping, sign_in, warning: None, expiry: None, leave: None }
    }

    /// The client gave a sign of life.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The client has signed in, with a token that ends then (Unix seconds), or never.
    pub(super) fn signed_in(&mut self, now: Instant, expires_at: Option<i64>) {
        self.sign_in = None;
        self.expiry = expires_at.map(|at| now + until(at));
        self.warning = self.expiry.and_then(|at| at.checked_sub(WARNING)).map(|at| at.max(now));
    }

    /// The socket is closed then.
    pub(super) fn leave_at(&mut self, at: Instant) {
        self.leave = Some(at);
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Instant {
        let fixed = self.ping.min(self.heard + SILENCE);
        [self.sign_in, self.warning, self.expiry, self.leave]
            .into_iter()
            .flatten()
            .fold(fixed, Instant::min)
    }

    /// What is due, one at a time; asked until there is nothing.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        let over = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if over(self.leave) {
            return Some(Due::Leave);
        }
        if over(self.expiry) {
            return Some(Due::Expired);
        }
        if over(self.sign_in) {
            return Some(Due::SignIn);
        }
        if self.heard + SILENCE <= now {
            return Some(Due::Silent);
        }
        if over(self.warning) {
            self.warning = None;
            return Some(Due::Expiring);
        }
        if self.ping <= now {
            self.ping = now + PING_INTERVAL;
            return Some(Due::Ping);
        }
        None
    }
}

/// How long until this Unix second.
fn until(unix: i64) -> Duration {
    let ms = u64::try_from(unix).unwrap_or_default().saturating_mul(1000);
    Duration::from_millis(ms.saturating_sub(clock::now_ms()))
}

#[cfg(test)]
mod tests {
    //! What is due when, on a paused clock.

    use super::*;

    fn all_due(beat: &mut Heartbeat, now: Instant) -> Vec<Due> {
        std::iter::from_fn(|| beat.due(now)).take(3).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn pings_come_every_fifteen_seconds_and_silence_ends_after_thirty() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        beat.signed_in(start, None);
        assert_eq!(beat.next(), start + PING_INTERVAL);
        assert_eq!(all_due(&mut beat, start + PING_INTERVAL), [Due::Ping]);
        let late = start + SILENCE;
        assert_eq!(beat.due(late), Some(Due::Silent));
        beat.heard(late);
        assert_eq!(all_due(&mut beat, late), [Due::Ping], "any sign of life will do");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_sign_in_is_due_after_five_seconds() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert_eq!(beat.due(start + SIGN_IN_TIME - Duration::from_millis(1)), None);
        assert_eq!(beat.due(start + SIGN_IN_TIME), Some(Due::SignIn));
        beat.signed_in(start, None);
        assert_eq!(beat.due(start + SIGN_IN_TIME), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_warned_of_a_minute_ahead_and_closed_on() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        beat.signed_in(start, Some(clock::now_unix() + 90));
        // The wall clock is between two seconds: the deadline is at most one of them early.
        assert_eq!(beat.due(start + Duration::from_secs(28)), Some(Due::Ping));
        assert_eq!(beat.due(start + Duration::from_millis(29_999)), Some(Due::Expiring));
        beat.heard(start + Duration::from_secs(80));
        assert_eq!(beat.due(start + Duration::from_secs(90)), Some(Due::Expired));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_ends_within_the_minute_is_warned_of_at_once() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        beat.signed_in(start, Some(clock::now_unix() + 30));
        assert_eq!(all_due(&mut beat, start), [Due::Expiring]);
    }
}
