//! The driver's seat of one session: who may type and whose size wins.
//!
//! ```text
//!          attach or input of a writer                lost socket
//!   Free ───────────────────────────────▶ Taken ───────────────────▶ Held (10 s, same client)
//!    ▲                                    │   ▲                        │  │
//!    └──────── detach, proper close ──────┘   └── same client is back ─┘  │
//!    ▲                                                                    │
//!    └────────────────────────── 10 s passed, or somebody takes ──────────┘ (take: Taken by them)
//! ```
//!
//! Whether somebody may write at all is asked before (`role`); here it is a fact.

use crate::ids::{ClientId, UserId};

/// How long a lost socket's seat waits for its client (`byte-lane.md` §7).
pub const HOLD_MS: u64 = 10_000;

/// Who sits: one client of one user. A client id alone is not a claim, as it is scoped to its user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Driver {
    /// The user.
    pub user: UserId,
    /// Their client.
    pub client: ClientId,
}

/// The seat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Seat {
    /// Nobody drives.
    #[default]
    Free,
    /// Somebody drives.
    Taken(Driver),
    /// Somebody's socket was lost; the seat waits for them.
    Held {
        /// Whom it waits for.
        driver: Driver,
        /// Until when, in milliseconds of the caller's clock.
        until_ms: u64,
    },
}

impl Seat {
    /// Who drives or is waited for.
    #[must_use]
    pub fn driver(&self) -> Option<&Driver> {
        match self {
            Self::Free => None,
            Self::Taken(driver) | Self::Held { driver, .. } => Some(driver),
        }
    }

    /// Is it this client that drives?
    #[must_use]
    pub fn is(&self, who: &Driver) -> bool {
        matches!(self, Self::Taken(driver) if driver == who)
    }

    /// A client that may write attaches or types: it gets a free seat, or its own back. True if it
    /// drives now.
    pub fn offer(&mut self, who: &Driver, now_ms: u64) -> bool {
        self.expire(now_ms);
        let theirs = self.driver().is_none_or(|driver| driver == who);
        if theirs {
            *self = Self::Taken(who.clone());
        }
        theirs
    }

    /// A client that may write takes the seat, whoever sits on it. True if somebody lost it.
    pub fn take(&mut self, who: &Driver) -> bool {
        let lost = self.driver().is_some_and(|driver| driver != who);
        *self = Self::Taken(who.clone());
        lost
    }

    /// A client left on purpose. True if the seat is free because of it.
    pub fn leave(&mut self, who: &Driver) -> bool {
        let left = self.driver() == Some(who);
        if left {
            *self = Self::Free;
        }
        left
    }

    /// A client's socket was lost: its seat waits. True if it was its seat.
    pub fn lose(&mut self, who: &Driver, now_ms: u64) -> bool {
        let lost = self.is(who);
        if lost {
            *self = Self::Held { driver: who.clone(), until_ms: now_ms + HOLD_MS };
        }
        lost
    }

    /// Frees a seat that waited long enough. True if it was freed now.
    pub fn expire(&mut self, now_ms: u64) -> bool {
        let over = matches!(self, Self::Held { until_ms, .. } if *until_ms <= now_ms);
        if over {
            *self = Self::Free;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    //! The diagram, arrow by arrow.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn driver(user: &str, client: u8) -> Driver {
        Driver { user: user.parse().unwrap(), client: ClientId::new([client; 16]) }
    }

    #[test]
    fn the_first_writer_drives_and_the_second_does_not() {
        let (ann, bob) = (driver("ann", 1), driver("bob", 2));
        let mut seat = Seat::default();
        assert!(seat.offer(&ann, 0));
        assert!(!seat.offer(&bob, 0));
        assert!(seat.is(&ann));
        assert!(seat.take(&bob), "somebody lost it");
        assert!(seat.is(&bob) && !seat.offer(&ann, 0));
        assert!(!seat.take(&bob), "taking one's own seat takes it from nobody");
    }

    #[test]
    fn a_lost_seat_waits_for_its_client_alone_and_not_for_ever() {
        let (ann, bob) = (driver("ann", 1), driver("bob", 2));
        let mut seat = Seat::default();
        seat.offer(&ann, 0);
        assert!(seat.lose(&ann, 5));
        assert!(!seat.offer(&bob, 5 + HOLD_MS - 1));
        assert!(seat.offer(&ann, 5 + HOLD_MS - 1), "its client is back");
        seat.lose(&ann, 20_000);
        assert!(seat.offer(&bob, 20_000 + HOLD_MS), "the wait is over");
    }

    #[test]
    fn leaving_frees_at_once_and_only_ones_own_seat() {
        let (ann, bob) = (driver("ann", 1), driver("bob", 2));
        let mut seat = Seat::default();
        seat.offer(&ann, 0);
        assert!(!seat.leave(&bob) && seat.is(&ann));
        assert!(seat.leave(&ann) && seat == Seat::Free);
    }

    #[test]
    fn a_client_id_of_another_user_is_another_driver() {
        let (ann, mallory) = (driver("ann", 1), driver("mallory", 1));
        let mut seat = Seat::default();
        seat.offer(&ann, 0);
        assert!(!seat.offer(&mallory, 0) && !seat.leave(&mallory) && !seat.lose(&mallory, 0));
    }
}
