//! How a socket ends: with which code, and whether its client said goodbye.

use std::{borrow::Cow, time::Duration};

use termfleet_session::code::{Code, Refusal};
use tokio::time;
use tokio_util::task::AbortOnDropHandle;

use super::writer::Outgoing;
use crate::ws::{Close, CloseCode, Ended, WriteError};

/// How long the last frames may take to leave: a client that reads nothing is not waited for.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the reading task may take to end by itself after that: its own linger, and a little.
const READER_TIME: Duration = Duration::from_secs(3);

/// Why a socket ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closing {
    /// What the close frame says; `None`: there is nobody to say it to.
    pub(super) code: Option<CloseCode>,
    /// The same in words.
    pub(super) reason: Cow<'static, str>,
    /// The client left on purpose: seats are free at once.
    pub(super) on_purpose: bool,
}

impl Closing {
    pub(super) fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Some(code), reason: reason.into(), on_purpose: false }
    }

    /// The client asked for it, in its dialect.
    pub(super) fn asked() -> Self {
        Self { on_purpose: true, ..Self::new(CloseCode::NORMAL, "") }
    }

    fn silently(reason: &'static str) -> Self {
        Self { code: None, reason: reason.into(), on_purpose: false }
    }
}

impl From<Code> for Closing {
    fn from(code: Code) -> Self {
        Self::new(code.into(), code.entry().text)
    }
}

impl From<Refusal> for Closing {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code.into(), refusal.text)
    }
}

impl From<Close> for Closing {
    /// The client's own code comes back to it.
    fn from(close: Close) -> Self {
        Self { code: close.code, reason: "".into(), on_purpose: true }
    }
}

impl From<Ended> for Closing {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Violation(violation) => Self::new(violation.code, violation.reason),
            Ended::Lost(_) => Self::silently("the connection was lost"),
        }
    }
}

impl From<WriteError> for Closing {
    fn from(error: WriteError) -> Self {
        match error {
            // A close frame would wait behind what the client does not read.
            WriteError::Stalled => Self::silently("nothing was read for 30 s"),
            WriteError::Lost(_) => Self::silently("the connection was lost"),
        }
    }
}

/// Says goodbye and waits until the socket is gone, for a moment at most.
pub(super) async fn conclude(
    closing: &Closing,
    outgoing: Outgoing,
    reading: AbortOnDropHandle<()>,
) {
    // Whether it arrives is the client's affair.
    let _ = time::timeout(FAREWELL, outgoing.finish(closing)).await;
    // Dropped when its time is over, it is aborted.
    let _ = time::timeout(READER_TIME, reading).await;
}
