//! A budget of waiting for the peer: time that passes while it owes us something and we listen.
//!
//! Time in which nobody listened (a reader held up by what is behind it) is never charged to the
//! peer: only a [`Patience::wait`] starts the clock, and the next [`Patience::heard`] stops it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a peer may still keep us waiting.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    spent: Duration,
    since: Option<Instant>,
    /// Made at the first wait: most sockets never owe anything for longer than one read.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, spent: Duration::ZERO, since: None, sleep: None }
    }

    /// The peer moved, but owes us the rest: what it took is charged.
    pub(super) fn heard(&mut self) {
        if let Some(since) = self.since.take() {
            self.spent += since.elapsed();
        }
    }

    /// The peer owes us nothing any more.
    pub(super) fn renew(&mut self) {
        (self.since, self.spent) = (None, Duration::ZERO);
    }

    /// Nothing came and something is owed: ready when the budget is used up.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            let end = now + self.limit.saturating_sub(self.spent);
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(end),
                None => self.sleep = Some(Box::pin(sleep_until(end))),
            }
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
