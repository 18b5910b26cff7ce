//! A session's states and the moves between them, as a value.
//!
//! ```text
//! initializing ──started──▶ active ◀──resume/suspend──▶ suspended
//!      │                      │  ▲                          │
//!      │                 lost │  │ adopted             lost │ (back to recovering)
//!      │                      ▼  │                          │
//!      │                   recovering ◀─────────────────────┘
//!      │ failed               │ failed
//!      ▼                      ▼
//!    error ─────────────▶  closed  ◀── exited or closed, from every state
//! ```

use serde::{Deserialize, Serialize};

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Reserved, its shell not started yet.
    Initializing,
    /// Its shell runs.
    Active,
    /// Its processes are stopped.
    Suspended,
    /// Its worker is away; its shell may still run.
    Recovering,
    /// It could not be started or recovered.
    Error,
    /// Its process ended or it was closed; the record lingers.
    Closed,
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// Its shell runs.
    Started,
    /// Its project was suspended.
    Suspend,
    /// Its project was resumed.
    Resume,
    /// Its worker went away.
    Lost,
    /// A worker has it again.
    Adopted,
    /// It could not be started or recovered.
    Failed,
    /// Its process ended or somebody closed it.
    Close,
}

/// A move that the state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session that is {from:?} cannot {step:?}")]
pub struct IllegalMove {
    /// Where the session is.
    pub from: Status,
    /// What was asked of it.
    pub step: Move,
}

impl Status {
    /// The state after a move.
    ///
    /// # Errors
    /// If this state does not allow the move.
    pub fn after(self, step: Move) -> Result<Self, IllegalMove> {
        match (self, step) {
            (Self::Initializing, Move::Started)
            | (Self::Suspended, Move::Resume)
            | (Self::Recovering, Move::Adopted) => Ok(Self::Active),
            (Self::Active, Move::Suspend) => Ok(Self::Suspended),
            (Self::Active | Self::Suspended, Move::Lost) => Ok(Self::Recovering),
            (Self::Initializing | Self::Recovering, Move::Failed) => Ok(Self::Error),
            (
                Self::Initializing
                | Self::Active
                | Self::Suspended
                | Self::Recovering
                | Self::Error,
                Move::Close,
            ) => Ok(Self::Closed),
            // Everything else is a mistake of the caller: closed is for ever, and nothing is
            // suspended, lost or started twice.
            (from, step) => Err(IllegalMove { from, step }),
        }
    }

    /// Is there, as far as anybody knows, a shell?
    #[must_use]
    pub fn is_alive(self) -> bool {
        match self {
            Self::Initializing | Self::Active | Self::Suspended | Self::Recovering => true,
            Self::Error | Self::Closed => false,
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Initializing,
            Self::Active,
            Self::Suspended,
            Self::Recovering,
            Self::Error,
            Self::Closed,
        ]
        .into_iter()
        .find(|status| status.name() == name)
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Recovering => "recovering",
            Self::Error => "error",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    //! The diagram, arrow by arrow.

    use super::{Move, Status};

    const STATES: [Status; 6] = [
        Status::Initializing,
        Status::Active,
        Status::Suspended,
        Status::Recovering,
        Status::Error,
        Status::Closed,
    ];
    const MOVES: [Move; 7] = [
        Move::Started,
        Move::Suspend,
        Move::Resume,
        Move::Lost,
        Move::Adopted,
        Move::Failed,
        Move::Close,
    ];

    #[test]
    fn only_the_arrows_of_the_diagram_are_legal() {
        use Status::{Active, Closed, Error, Initializing, Recovering, Suspended};
        let legal = [
            (Initializing, Move::Started, Active),
            (Initializing, Move::Failed, Error),
            (Active, Move::Suspend, Suspended),
            (Active, Move::Lost, Recovering),
            (Suspended, Move::Resume, Active),
            (Suspended, Move::Lost, Recovering),
            (Recovering, Move::Adopted, Active),
            (Recovering, Move::Failed, Error),
            (Initializing, Move::Close, Closed),
            (Active, Move::Close, Closed),
            (Suspended, Move::Close, Closed),
            (Recovering, Move::Close, Closed),
            (Error, Move::Close, Closed),
        ];
        for from in STATES {
            for step in MOVES {
                let expected =
                    legal.iter().find(|(f, s, _)| (*f, *s) == (from, step)).map(|(_, _, to)| *to);
                assert_eq!(from.after(step).ok(), expected, "{from:?} {step:?}");
            }
        }
    }

    #[test]
    fn closed_is_for_ever() {
        assert!(MOVES.iter().all(|step| Status::Closed.after(*step).is_err()));
        assert!(!Status::Closed.is_alive());
    }
}
