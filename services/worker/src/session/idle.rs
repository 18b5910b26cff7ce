//! A session that nobody watches or uses: when that began, and its end (`cluster.md` §3).
//!
//! The actor decides, so that a viewer who comes at the same instant either finds the session or hears
//! that it has ended, and never loses it while attached. Of focus only the store knows: it is asked
//! before the end, and without its answer nothing ends.

use std::time::Duration;

use jiff::Timestamp;
use termfleet_session::{idle::Quiet, record::Cause};
use tokio::{sync::oneshot, time::Instant};

use super::{Outcome, Session, control::answer};

/// Where it is told whether the session's end has begun.
pub(crate) type Swept = oneshot::Sender<bool>;

/// Since when a session has no viewers.
pub(super) struct Watched(Option<Instant>);

impl Watched {
    /// Of a session that starts, or that a worker takes over: who watched it before is not known.
    pub(super) fn starting() -> Self {
        Self(Some(Instant::now()))
    }

    fn unwatched(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Session {
    /// To be called after everything that may have changed who is attached.
    pub(super) fn note_viewers(&mut self) {
        self.watched.0 = match self.attachments.is_empty() {
            true => self.watched.0.or_else(|| Some(Instant::now())),
            false => None,
        };
    }

    /// Ends if it was idle for so long.
    pub(super) fn sweep(&mut self, limit: Duration, reply: Swept) {
        if !self.is_idle(limit) {
            return answer(reply, false);
        }
        let (context, id) = (self.context.clone(), self.handle.facts().id.clone());
        self.later("idle", async move {
            let known = match context.directory.get(&id).await {
                Ok(stored) => stored.map(|stored| stored.last_activity_at),
                Err(error) => {
                    tracing::debug!(%error, session = %id, "whether it is idle is not known");
                    None
                }
            };
            Outcome::Looked(limit, known, reply)
        });
    }

    /// The store has told when somebody last used it, a focus among that. Much may have happened
    /// meanwhile, so everything is looked at again.
    pub(super) fn looked(&mut self, limit: Duration, known: Option<Timestamp>, reply: Swept) {
        // A clock that was set back keeps a session longer, never shorter.
        let ago = known.map(|at| Timestamp::now().duration_since(at).unsigned_abs());
        let long_ago = ago.is_some_and(|ago| ago >= limit) && known < Some(Timestamp::now());
        if !long_ago || !self.is_idle(limit) {
            return answer(reply, false);
        }
        tracing::info!(session = %self.handle.facts().id, "idle for too long: it ends");
        self.context.metrics.idle.inc();
        self.begin_closing(Cause::Idle);
        answer(reply, true);
    }

    fn is_idle(&self, limit: Duration) -> bool {
        let quiet = Quiet {
            status: self.status(),
            viewers: self.attachments.len(),
            unwatched: self.watched.unwatched(),
            unused: self.handle.unused(),
        };
        self.alive() && quiet.is_idle(limit)
    }
}
