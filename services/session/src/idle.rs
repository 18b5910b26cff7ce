//! When a session is idle: nobody watches it, and nobody has used it for a while (`cluster.md` §3).
//!
//! Use is what somebody does: input, a resize, a focus. What a program prints is none, else a clock in
//! a prompt would keep its session for ever. The caller measures; here is what the times mean.

use std::time::Duration;

use crate::state::Status;

/// Shortest time after which a session may be called idle: clients need some to attach to what they
/// created.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// How quiet a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Where it is in its life.
    pub status: Status,
    /// Clients that are attached, whether they may type or not.
    pub viewers: usize,
    /// For how long there has been no viewer.
    pub unwatched: Duration,
    /// For how long nobody has used it.
    pub unused: Duration,
}

impl Quiet {
    /// May it be ended, where sessions live for so long without anybody?
    ///
    /// Only one whose programs run: who suspended a session has put it aside, and means to come back.
    #[must_use]
    pub fn is_idle(&self, limit: Duration) -> bool {
        self.status == Status::Active
            && self.viewers == 0
            && self.unwatched.min(self.unused) >= limit.max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    //! Below the time, at it and above.

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30 * 60);
    const LITTLE: Duration = Duration::from_millis(1);

    fn quiet(for_so_long: Duration) -> Quiet {
        let (unwatched, unused) = (for_so_long, for_so_long);
        Quiet { status: Status::Active, viewers: 0, unwatched, unused }
    }

    #[test]
    fn it_is_idle_from_its_time_on_and_not_before() {
        assert!(!quiet(LIMIT - LITTLE).is_idle(LIMIT));
        assert!(quiet(LIMIT).is_idle(LIMIT));
        assert!(quiet(LIMIT + LITTLE).is_idle(LIMIT));
    }

    #[test]
    fn a_viewer_a_recent_viewer_and_recent_use_keep_it() {
        let long = quiet(LIMIT * 2);
        for kept in [
            Quiet { viewers: 1, ..long },
            Quiet { unwatched: LIMIT - LITTLE, ..long },
            Quiet { unused: LIMIT - LITTLE, ..long },
        ] {
            assert!(!kept.is_idle(LIMIT), "{kept:?}");
        }
    }

    #[test]
    fn only_one_that_runs_is_ended() {
        use Status::{Active, Closed, Error, Initializing, Recovering, Suspended};
        for status in [Initializing, Active, Suspended, Recovering, Error, Closed] {
            let idle = Quiet { status, ..quiet(LIMIT) }.is_idle(LIMIT);
            assert_eq!(idle, status == Active, "{status:?}");
        }
    }

    #[test]
    fn no_limit_is_shorter_than_the_shortest() {
        assert!(!quiet(SHORTEST - LITTLE).is_idle(Duration::ZERO));
        assert!(quiet(SHORTEST).is_idle(Duration::ZERO));
    }
}
