//! What a store refuses, and how a client is told.
//!
//! The detail of a lost connection is logged by the store that lost it; here stands only what its
//! caller can act on.

use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, FocusVersion, Generation, SessionId},
};

/// When a caller that lost a race over a record should look again: the winner's write is done by
/// then, and a client's own first retry comes no sooner (`protocol.md` §6).
const LOST_RACE_RETRY_MS: u64 = 100;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The project has all the sessions that it may have, reservations counted.
    #[error("the project has its {limit} sessions already")]
    ProjectFull {
        /// How many it may have.
        limit: u32,
    },
    /// The user has all the sessions that they may have, reservations counted.
    #[error("the user has their {limit} sessions already")]
    UserFull {
        /// How many they may have.
        limit: u32,
    },
    /// Another session of the tenant, or a reservation, has that alias.
    #[error("the alias belongs to {holder}")]
    AliasTaken {
        /// Who has it. Not for clients: it may be somebody else's.
        holder: SessionId,
    },
    /// That idempotency key stands for another request of the same user.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// There is a record of that id already.
    #[error("there is a session of that id already")]
    AlreadyExists,
    /// The id does not begin with the tag of its project, so nobody could find it again.
    #[error("the id was not made for that project")]
    Misplaced,
    /// The reservation has expired, was cancelled, or was made for something else.
    #[error("the reservation does not stand any more")]
    ReservationGone,
    /// There is no such record, or no longer.
    #[error("there is no such session")]
    NotFound,
    /// The session is closed, and closed is for ever.
    #[error("the session has ended")]
    Ended,
    /// Somebody else owns the session now, at this epoch: the caller's copy has to end.
    #[error("superseded: the record is at epoch {current}")]
    Superseded {
        /// The epoch in the store.
        current: Epoch,
    },
    /// The store has lost the caller's last writes: the record is older than its owner. The owner
    /// asserts its own, then tries again.
    #[error("the record is only at epoch {stored}")]
    Outdated {
        /// The epoch in the store.
        stored: Epoch,
    },
    /// A later process of the same worker has registered: the caller exits and touches nothing.
    #[error("superseded by generation {current} of the same worker")]
    Fenced {
        /// The generation in the store.
        current: Generation,
    },
    /// The project's focus has changed since it was read: read again.
    #[error("the focus set is at version {current}")]
    FocusMoved {
        /// The version in the store.
        current: FocusVersion,
    },
    /// The cursor is not one that a listing gave.
    #[error("not a cursor of a listing")]
    BadCursor,
    /// The store cannot be reached, or does not know everything yet.
    #[error("the store is not available for {retry_after_ms} ms")]
    Unavailable {
        /// When it makes sense to try again.
        retry_after_ms: u64,
    },
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ProjectFull { limit } => Self::new(
                Code::SessionLimitExceeded,
                format!("this project has its {limit} sessions already"),
            ),
            StoreError::UserFull { limit } => Self::new(
                Code::SessionLimitExceeded,
                format!("you have your {limit} sessions already"),
            ),
            StoreError::AliasTaken { holder: _ } | StoreError::AlreadyExists => {
                Code::SessionAlreadyExists.into()
            }
            StoreError::KeyReused => Self::new(
                Code::SessionAlreadyExists,
                "this Idempotency-Key was used for another request: choose a new one",
            ),
            StoreError::ReservationGone => Code::SessionCreationFailed.into(),
            StoreError::NotFound => Code::SessionNotFound.into(),
            StoreError::Ended => Code::SessionEnded.into(),
            StoreError::Superseded { current: _ }
            | StoreError::Outdated { stored: _ }
            | StoreError::Fenced { current: _ }
            | StoreError::FocusMoved { current: _ } => {
                Self::from(Code::ServiceUnavailable).retry_after(LOST_RACE_RETRY_MS)
            }
            StoreError::BadCursor => Self::new(Code::BadMessage, "cursor is not one of a listing"),
            StoreError::Misplaced => Code::InternalError.into(),
            StoreError::Unavailable { retry_after_ms } => {
                Self::from(Code::ServiceUnavailable).retry_after(retry_after_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! How each refusal is told.

    use super::*;

    fn id() -> SessionId {
        format!("{}-{}", "a".repeat(8), "b".repeat(26)).parse().unwrap()
    }

    #[test]
    fn every_error_has_its_code_and_what_may_pass_says_when() {
        let current = Epoch::new(3);
        let cases = [
            (StoreError::ProjectFull { limit: 10 }, 1002, None),
            (StoreError::UserFull { limit: 20 }, 1002, None),
            (StoreError::AliasTaken { holder: id() }, 1003, None),
            (StoreError::KeyReused, 1003, None),
            (StoreError::AlreadyExists, 1003, None),
            (StoreError::ReservationGone, 1004, None),
            (StoreError::NotFound, 1001, None),
            (StoreError::Ended, 1006, None),
            (StoreError::Superseded { current }, 5003, Some(LOST_RACE_RETRY_MS)),
            (StoreError::Outdated { stored: current }, 5003, Some(LOST_RACE_RETRY_MS)),
            (StoreError::Fenced { current: Generation::new(3) }, 5003, Some(LOST_RACE_RETRY_MS)),
            (
                StoreError::FocusMoved { current: FocusVersion::new(3) },
                5003,
                Some(LOST_RACE_RETRY_MS),
            ),
            (StoreError::BadCursor, 2004, None),
            (StoreError::Misplaced, 5001, None),
            (StoreError::Unavailable { retry_after_ms: 700 }, 5003, Some(700)),
        ];
        for (error, number, retry_after_ms) in cases {
            let refusal = Refusal::from(error.clone());
            assert_eq!(refusal.code.number(), number, "{error}");
            assert_eq!(refusal.retry_after_ms, retry_after_ms, "{error}");
        }
    }

    #[test]
    fn a_taken_alias_does_not_tell_whose_it_is() {
        let refusal = Refusal::from(StoreError::AliasTaken { holder: id() });
        assert!(!refusal.to_string().contains(id().as_str()), "{refusal}");
    }
}
