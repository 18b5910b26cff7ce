//! The end of a session: its shell exits, somebody closes it, it lingers, it is forgotten
//! (`byte-lane.md` §1).
//!
//! ```text
//!   Running ──exited──▶ Ended (10 min, read-only) ──▶ over
//!    │   │ └─restart──▶ Restarting ──new shell──▶ Running, or Ended if there is none
//!    │   └─close, idle──▶ Closing ──exited──▶ Closed ──recorded──▶ over
//!    └─ superseded, ptyhost gone ──▶ over, Closed
//! ```

use std::time::Duration;

use termfleet_proto::worker_v1 as pb;
use termfleet_ptyhost::client::Ended;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, Offset},
    limits::LINGER_MS,
    record::{Cause, Exit},
    seat::Seat,
    state::Status,
};
use termfleet_store::Change;
use tokio::time::Instant;

use super::{Call, Command, Reply, Session, attach::detached, control::answer};
use crate::link::Request;

/// How much longer an ended session stays whose end the store does not know yet.
const LINGER_ON: Duration = Duration::from_secs(10);

/// Where the session is on its way.
pub(super) enum Phase {
    /// Its shell runs.
    Running,
    /// Its shell is being replaced.
    Restarting {
        /// Who asked.
        request: Option<Request>,
        /// How the old shell ended, if it has.
        old: Option<Ended>,
        /// How the new one ended, if it was that quick.
        new: Option<(Epoch, Ended)>,
    },
    /// Somebody closed it, or it was idle; its processes are being ended.
    Closing {
        /// Which of the two.
        cause: Cause,
    },
    /// Its shell has ended; what it printed can be read until then.
    Ended {
        /// Until when.
        until: Instant,
    },
    /// It is over as soon as the store knows.
    Closed,
}

impl Phase {
    pub(super) fn starting(ended: Option<Ended>) -> Self {
        ended.map_or(Self::Running, |_| Self::lingering())
    }

    fn lingering() -> Self {
        Self::Ended { until: Instant::now() + Duration::from_millis(LINGER_MS) }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Ended { until } => Some(*until),
            Self::Running | Self::Restarting { .. } | Self::Closing { .. } | Self::Closed => None,
        }
    }
}

impl Session {
    /// A shell has ended and its last byte is in the ring.
    pub(super) async fn exited(&mut self, epoch: Epoch, ended: Ended) {
        let ours = epoch == self.feed.epoch;
        match &mut self.phase {
            Phase::Restarting { old, .. } if ours => *old = Some(ended),
            Phase::Restarting { new, .. } => *new = Some((epoch, ended)),
            Phase::Running if ours => {
                self.end(ended, Cause::Exited);
                self.phase = Phase::lingering();
            }
            Phase::Closing { cause } if ours => {
                let cause = *cause;
                self.end(ended, cause);
                self.closed();
            }
            // Of a shell that was replaced, or told twice.
            Phase::Running | Phase::Closing { .. } | Phase::Ended { .. } | Phase::Closed => {}
        }
    }

    /// The shell has ended: viewers get what is left of its output, then how it ended.
    pub(super) fn end(&mut self, ended: Ended, cause: Cause) {
        // Nobody types any more, and needs no word about who may.
        (self.seat, self.told_seat) = (Seat::Free, Seat::Free);
        self.context.metrics.closed.inc();
        self.context.metrics.printed.inc_by(self.feed.grown());
        self.counted = self.context.metrics.session(Status::Closed);
        self.feed.end(ended, self.status());
        self.note_now(Change {
            counters: Some(self.counters()),
            last_activity_at: Some(self.handle.active_at()),
            ended_by: Some(cause),
            ..Change::closed(Some(ended.exit))
        });
    }

    /// Ends it because somebody asked for it.
    pub(super) fn close(&mut self, reply: Reply) {
        match self.phase {
            Phase::Restarting { .. } => {
                return answer(reply, Err(Code::ServiceUnavailable.into()));
            }
            Phase::Running => self.begin_closing(Cause::Closed),
            Phase::Ended { .. } => self.closed(),
            Phase::Closing { .. } | Phase::Closed => {}
        }
        self.closers.push(reply);
        self.finish_if_recorded();
    }

    /// Its processes end; that they have is the ptyhost's news.
    pub(super) fn begin_closing(&mut self, cause: Cause) {
        self.phase = Phase::Closing { cause };
        self.kill_processes();
    }

    /// Viewers are told; when the store knows too, the session is over.
    fn closed(&mut self) {
        self.phase = Phase::Closed;
        self.end_attachments(&self.goodbye(Refusal::new(Code::SessionEnded, "closed")));
        self.finish_if_recorded();
    }

    fn goodbye(&self, refusal: Refusal) -> pb::Detached {
        let exit = self.feed.ended().map(|ended| ended.exit);
        pb::Detached {
            exit_code: exit.and_then(|exit| exit.code),
            signal: exit.and_then(|exit| exit.signal),
            ..detached(&refusal)
        }
    }

    pub(super) fn finish_if_recorded(&mut self) {
        if !matches!(self.phase, Phase::Closed) || !self.ledger.is_settled() {
            return;
        }
        self.forget();
        let record = self.record();
        for reply in self.closers.drain(..) {
            answer(reply, Ok(record.clone()));
        }
    }

    /// Answers who has written to a session that was over before it read that.
    pub(super) fn turn_away(&mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Attach(_, request) if !self.status().is_alive() => {
                    request.refuse(&Code::SessionEnded.into());
                }
                Command::Call(Call::Close(reply)) if !self.status().is_alive() => {
                    answer(reply, Ok(self.record()));
                }
                // Dropping a question answers it: try again later, which will find no session.
                Command::Attach(..)
                | Command::Call(_)
                | Command::Viewer(..)
                | Command::PtyHost(_)
                | Command::Outcome(_) => {}
            }
        }
    }

    /// Nothing of it is needed any more.
    fn forget(&mut self) {
        self.over = true;
        // Whoever asks from here on finds the record in the store.
        self.context.registry.remove(&self.handle);
        let (context, epoch) = (self.context.clone(), self.feed.epoch);
        let id = self.handle.facts().id.clone();
        self.context.tasks.spawn("forget", async move {
            // A ptyhost that is gone, or does not know it, has forgotten it already.
            if let Err(error) = context.client.forget(&id, epoch).await {
                tracing::debug!(%error, session = %id, "forget refused");
            }
        });
    }

    pub(super) fn forget_if_due(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Ended { until } if until <= now) {
            return;
        }
        if !self.ledger.is_settled() {
            // The store is away, and the copy in the ptyhost is all that knows of the end.
            self.phase = Phase::Ended { until: now + LINGER_ON };
        } else {
            let refusal = Refusal::new(Code::SessionEnded, "its output is kept for 10 minutes");
            self.end_attachments(&self.goodbye(refusal));
            self.forget();
        }
    }

    /// The shell is gone with its ptyhost, and nobody knows how it ended.
    pub(super) fn lost(&mut self) {
        if matches!(self.phase, Phase::Ended { .. } | Phase::Closed) {
            self.closed();
            return;
        }
        let head = self.feed.ring.head().max(Offset::new(0));
        let exit = Exit { code: None, signal: None };
        let cause = match self.phase {
            Phase::Closing { cause } => cause,
            _ => Cause::Exited,
        };
        self.end(Ended { exit, offset: head }, cause);
        self.closed();
    }

    /// Somebody else owns the session by now, or it was closed elsewhere: this copy ends, and the
    /// store is left alone.
    pub(super) fn superseded(&mut self) {
        let id = self.handle.facts().id.clone();
        tracing::info!(session = %id, epoch = %self.feed.epoch, "superseded");
        let refusal = Refusal::new(Code::ServiceUnavailable, "the session has moved");
        self.end_attachments(&detached(&refusal));
        for reply in self.closers.drain(..) {
            answer(reply, Err(Code::ServiceUnavailable.into()));
        }
        self.ledger.abandon();
        self.over = true;
        let (context, epoch) = (self.context.clone(), self.feed.epoch);
        self.context.tasks.spawn("end-copy", async move {
            // Whatever is refused here has ended already.
            let killed = context.client.kill(&id, epoch).await;
            let forgotten = context.client.forget(&id, epoch).await;
            tracing::debug!(?killed, ?forgotten, session = %id, "copy ended");
        });
    }
}
