//! What clients and calls do to a session besides typing: the seat, signals, suspending it.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use termfleet_proto::worker_v1::{self as pb, Action};
use termfleet_ptyhost::client::SignalTarget;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ClientId, Epoch, SessionId},
    state::{Move, Status},
};
use termfleet_store::Change;

use super::{Outcome, Reply, Session, exit::Phase};
use crate::{link::Request, viewer::Told};

/// Signals by their numbers in signal(7); those of the architectures that this is built for.
const SIGINT: i32 = 2;
const SIGCONT: i32 = 18;
const SIGSTOP: i32 = 19;
/// What asks a program to draw its screen anew.
const FORM_FEED: &[u8] = b"\x0c";

impl Session {
    pub(super) async fn control(&mut self, number: u64, action: Action, request: Request) {
        let result = match action {
            Action::Take => self.take(number).await,
            Action::Release => self.release(number).await,
            Action::Interrupt => self.interrupt(number).await,
            Action::Clear => self.clear(number).await,
            Action::Kill => self.kill(number),
            Action::Restart => return self.restart(number, request),
            // The link's reader lets no such frame pass.
            Action::Unspecified => Err(Code::BadMessage.into()),
        };
        match result {
            Ok(()) => request.done(action),
            Err(refusal) => request.refuse(&refusal),
        }
    }

    async fn take(&mut self, number: u64) -> Result<(), Refusal> {
        self.may_write(number)?;
        if let Some(attachment) = self.attachments.get(&number) {
            self.seat.take(&attachment.who);
        }
        self.seat_changed().await;
        self.pace().await;
        Ok(())
    }

    async fn release(&mut self, number: u64) -> Result<(), Refusal> {
        if let Some(attachment) = self.attachments.get(&number) {
            self.seat.leave(&attachment.who);
        }
        self.seat_changed().await;
        self.pace().await;
        Ok(())
    }

    /// Signals the foreground, ahead of whatever input is queued.
    async fn interrupt(&mut self, number: u64) -> Result<(), Refusal> {
        self.may_type(number)?;
        self.seat_changed().await;
        self.handle.active();
        let id = &self.handle.facts().id;
        let (epoch, target) = (self.feed.epoch, SignalTarget::Foreground);
        let sent = self.context.client.signal(id, epoch, target, SIGINT).await;
        sent.map_err(|refused| refused.code())?;
        self.skip_backlog(number);
        Ok(())
    }

    /// A form feed, which the program takes for a wish to draw its screen anew.
    async fn clear(&mut self, number: u64) -> Result<(), Refusal> {
        self.may_type(number)?;
        self.seat_changed().await;
        self.handle.active();
        self.type_itself(Bytes::from_static(FORM_FEED)).await
    }

    /// Types what a terminal answers.
    pub(super) async fn answer_query(&mut self, epoch: Epoch, answer: Bytes) {
        if epoch != self.feed.epoch || !self.alive() {
            return;
        }
        if let Err(refusal) = self.type_itself(answer).await {
            tracing::debug!(%refusal, session = %self.handle.facts().id, "query not answered");
        }
    }

    /// Input in a lane of the worker's own: the clients' numbers stay their own.
    async fn type_itself(&self, bytes: Bytes) -> Result<(), Refusal> {
        let (id, lane) = (&self.handle.facts().id, own_lane(&self.handle.facts().id));
        let marks = self.lane(&lane, false).await.map_err(|refused| refused.code())?;
        let client = &self.context.client;
        let sent = client.input(id, self.feed.epoch, &lane, marks.accepted, bytes).await;
        sent.map_err(|_| Code::ServiceUnavailable.into())
    }

    fn kill(&mut self, number: u64) -> Result<(), Refusal> {
        self.may_write(number)?;
        self.kill_processes();
        Ok(())
    }

    /// May this client change the session, whoever drives?
    pub(super) fn may_write(&self, number: u64) -> Result<(), Refusal> {
        if !self.alive() {
            return Err(Code::SessionEnded.into());
        }
        let allowed = self.attachments.get(&number).is_some_and(|attachment| attachment.may_type);
        if allowed { Ok(()) } else { Err(Code::Forbidden.into()) }
    }

    /// Stops or continues the processes, then says so.
    pub(super) fn change_status(&mut self, step: Move, reply: Reply) {
        let to = match (step, self.status()) {
            (Move::Suspend, Status::Suspended) | (Move::Resume, Status::Active) => {
                // It is as it is wanted.
                return answer(reply, Ok(self.record()));
            }
            (_, status) if self.alive() => status.after(step),
            _ => return answer(reply, Err(Code::SessionEnded.into())),
        };
        if to.is_err() {
            return answer(reply, Err(Code::SessionEnded.into()));
        }
        let signal = if step == Move::Suspend { SIGSTOP } else { SIGCONT };
        let (context, epoch) = (self.context.clone(), self.feed.epoch);
        let id = self.handle.facts().id.clone();
        self.later("signal", async move {
            let sent = context.client.signal(&id, epoch, SignalTarget::Session, signal).await;
            Outcome::Moved(step, sent.map_err(|refused| refused.code().into()), reply)
        });
    }

    /// The processes were stopped or continued.
    pub(super) fn moved(&mut self, step: Move, result: Result<(), Refusal>, reply: Reply) {
        if let Err(refusal) = result {
            return answer(reply, Err(refusal));
        }
        // It may have ended meanwhile, or somebody else did the same: then it stays as it is.
        if self.alive()
            && let Ok(to) = self.status().after(step)
        {
            let reason = if step == Move::Suspend { "suspended" } else { "resumed" };
            self.set_status(to, reason);
        }
        self.reply_when_recorded(reply);
    }

    /// Notes a status and tells everybody.
    fn set_status(&mut self, to: Status, reason: &str) {
        let changed = pb::StatusChanged {
            status: to.name().to_owned(),
            previous: self.status().name().to_owned(),
            reason: reason.to_owned(),
        };
        for attachment in self.attachments.values() {
            attachment.viewer.tell(Told::Status(changed.clone()));
        }
        self.counted = self.context.metrics.session(to);
        self.note_now(Change { status: Some(to), ..Change::default() });
    }

    /// Ends every process of the session; that the shell has ended is the ptyhost's news.
    pub(super) fn kill_processes(&self) {
        let (context, epoch) = (self.context.clone(), self.feed.epoch);
        let handle = self.handle.clone();
        self.context.tasks.spawn("kill", async move {
            let id = &handle.facts().id;
            if let Err(error) = context.client.kill(id, epoch).await {
                tracing::warn!(%error, session = %id, "kill refused");
                if error.code() == Code::SessionNotFound {
                    handle.send(super::Command::Outcome(Outcome::Lost)).await;
                }
            }
        });
    }

    /// Is a new shell being started?
    pub(super) fn restarting(&self) -> bool {
        matches!(self.phase, Phase::Restarting { .. })
    }
}

/// Answers a call; a caller that has gone away needs no answer.
pub(super) fn answer<T>(reply: tokio::sync::oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}

fn own_lane(session: &SessionId) -> ClientId {
    let mut random = [0; 16];
    random.copy_from_slice(&Sha256::digest(format!("worker of {session}"))[..16]);
    ClientId::new(random)
}
