//! The signal that a process is going: once given, never taken back.
//!
//! It only tells. Readiness turns off by it, accept loops stop by it, and each owner of a socket or
//! session decides what leaving means there; waiting for them is `Tasks`' part.

use tokio_util::sync::CancellationToken;

/// Whether this process drains. Clones share one signal.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    token: CancellationToken,
}

impl Drain {
    /// A process that does not drain yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts the drain. Doing so again changes nothing.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Has the drain begun?
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ends when the drain begins (at once, if it has). Cancel-safe.
    pub async fn draining(&self) {
        self.token.cancelled().await;
    }

    /// A token that is cancelled with the drain, and can be cancelled by itself without it: for one
    /// part of the process, or a library that asks for a token.
    #[must_use]
    pub fn child_token(&self) -> CancellationToken {
        self.token.child_token()
    }
}

#[cfg(test)]
mod tests {
    //! The signal reaches every clone, and a child's end stays the child's.
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_it_early_or_late() {
        let drain = Drain::new();
        let early = drain.clone();
        let waiting = async move { early.draining().await };
        assert!(!drain.is_draining());
        let ((), ()) = tokio::join!(waiting, async { drain.trigger() });
        drain.clone().draining().await;
        assert!(drain.is_draining());
    }

    #[test]
    fn a_child_ends_alone_but_never_outlives_the_drain() {
        let drain = Drain::new();
        let (one, two) = (drain.child_token(), drain.child_token());
        one.cancel();
        assert!(!drain.is_draining() && !two.is_cancelled());
        drain.trigger();
        assert!(two.is_cancelled());
    }
}
