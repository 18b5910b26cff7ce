//! A new shell for a session, in a new epoch: `control restart`.
//!
//! The epoch is claimed in the store first, so that nobody who still believes in the old one can
//! write any more; then the old shell ends and the new one starts; then every viewer gets a new
//! channel, so that no late frame reaches another shell.

use std::{collections::VecDeque, sync::Arc};

use termfleet_proto::{worker_v1 as pb, ws::frame::Reason};
use termfleet_ptyhost::client::{SizeAt, Spawn, Spawned};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, Offset},
    limits::Size,
    record,
    state::Status,
};
use termfleet_store::Change;

use super::{
    Outcome, Session,
    attach::Attachment,
    encode,
    exit::Phase,
    input::{Echo, Held},
};
use crate::{
    feed::Feed,
    keeper,
    link::Request,
    spawn,
    viewer::{Start, Told, Viewer},
    worker::Context,
};

/// A new shell.
pub(crate) struct Restarted {
    record: record::Session,
    spawned: Spawned,
    cwd: String,
}

/// There is no new shell.
pub(crate) struct Failed {
    refusal: Refusal,
    /// The record, if a new epoch was claimed: what follows is written under that.
    claimed: Option<record::Session>,
}

impl<E: Into<Refusal>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { refusal: error.into(), claimed: None }
    }
}

impl Session {
    pub(super) fn restart(&mut self, number: u64, request: Request) {
        if self.restarting() {
            return request.refuse(&Code::ServiceUnavailable.into());
        }
        if let Err(refusal) = self.may_write(number) {
            return request.refuse(&refusal);
        }
        self.phase = Phase::Restarting { request: Some(request), old: None, new: None };
        let (context, record) = (self.context.clone(), self.record());
        let (epoch, size) = (self.feed.epoch, self.handle.size());
        self.later("restart", async move {
            Outcome::Restarted(Box::new(replace(&context, record, epoch, size).await))
        });
    }

    pub(super) async fn restarted(&mut self, result: Result<Restarted, Failed>) {
        // The session may be over meanwhile: then it stays so.
        if !matches!(self.phase, Phase::Restarting { .. }) {
            return;
        }
        let Phase::Restarting { request, old, new } =
            std::mem::replace(&mut self.phase, Phase::Running)
        else {
            return;
        };
        let refused = match result {
            Ok(restarted) => {
                self.adopt(restarted).await;
                None
            }
            Err(Failed { refusal, claimed }) => {
                if let Some(claimed) = claimed {
                    self.ledger.restart(claimed);
                }
                Some(refusal)
            }
        };
        match (request, &refused) {
            (Some(request), None) => request.done(pb::Action::Restart),
            (Some(request), Some(refusal)) => request.refuse(refusal),
            (None, _) => {}
        }
        // What happened meanwhile: the old shell ended and has no successor, or the new one is over.
        match (refused, old, new) {
            (Some(_), Some(ended), _) => self.exited(self.feed.epoch, ended).await,
            (None, _, Some((epoch, ended))) => self.exited(epoch, ended).await,
            _ => {}
        }
    }

    /// The new shell takes the old one's place.
    async fn adopt(&mut self, restarted: Restarted) {
        let Restarted { record, spawned, cwd } = restarted;
        let size = self.handle.size();
        let sizes = vec![SizeAt { offset: Offset::new(0), size }];
        let limit = Offset::new(spawned.ring.capacity());
        let pace = self.handle.pace();
        let feed = Arc::new(Feed::new(record.epoch, spawned.ring, sizes, limit, pace));
        self.ledger.restart(record);
        self.handle.restart_counting();
        self.drive.restart();
        self.feed.desk.close();
        self.feed = feed.clone();
        self.handle.set_feed(feed.clone());
        keeper::start(&self.context, self.handle.clone(), feed, false);
        self.note_now(Change {
            status: Some(Status::Active),
            process_id: Some(spawned.pid),
            size: Some(size),
            current_path: Some(cwd),
            ..Change::default()
        });
        for (_, old) in std::mem::take(&mut self.attachments) {
            self.move_over(old);
        }
        // The driver's window may have changed while there was no terminal.
        if let Some(size) = self.driver().and_then(|driver| driver.size) {
            self.want_size(size).await;
        }
        self.pace().await;
    }

    /// Gives a viewer a new channel.
    fn move_over(&mut self, old: Attachment) {
        let link = old.viewer.link().clone();
        // One that waits for where it starts knows of no channel: its request is answered now.
        let opens = old.viewer.is_opening();
        let replaces = old.viewer.retire();
        let start = Start::Snapshot(keeper::blank(&self.feed, &self.handle), Reason::NewEpoch);
        let drives = self.seat.is(&old.who);
        let number = self.next_number();
        let seed = self.seed(number, old.viewer.manner, drives, old.viewer.tier());
        let Some(viewer) = link.channel(|channel| Viewer::new(seed, channel, link.clone())) else {
            // Its link is over: the word of that finds nobody, so the seat is held from here on.
            let now = self.seat_ms();
            self.seat.lose(&old.who, now);
            return;
        };
        let zero = Offset::new(0);
        let mut awaited = old.awaited;
        let attachment = Attachment {
            viewer: viewer.clone(),
            next: zero,
            written: zero,
            lane_known: false,
            refused: false,
            held: Held::default(),
            echo: Echo::new(zero),
            interrupts_at: None,
            awaited: VecDeque::new(),
            ..old
        };
        let asked = awaited.pop_front().filter(|_| opens).map(|asked| asked.request.into_parts());
        let (request, permit) = asked.map_or((None, None), |(asked, permit)| (Some(asked), permit));
        let replaces = (!opens).then_some(replaces.get());
        let attached = self.attached(&attachment, &start, request, replaces);
        self.join(attachment);
        viewer.start(start);
        viewer.tell(Told::Attached(attached, permit));
    }
}

/// Claims a new epoch, ends the old shell and starts a new one.
async fn replace(
    context: &Arc<Context>,
    record: record::Session,
    epoch: Epoch,
    size: Size,
) -> Result<Restarted, Failed> {
    let plan = spawn::again(&context.config, &record).await?;
    let claimed = context.directory.claim(&record.id, epoch, context.owner.clone()).await?;
    // It may have ended by itself meanwhile, which is as good.
    if let Err(error) = context.client.kill(&record.id, epoch).await {
        tracing::debug!(%error, session = %record.id, "kill refused before a restart");
    }
    let spawn = Spawn {
        session: record.id.clone(),
        epoch: claimed.epoch,
        record: encode(&claimed),
        argv: plan.argv,
        env: plan.env,
        cwd: plan.cwd.clone(),
        size,
    };
    match context.client.spawn(spawn).await {
        Ok(spawned) => Ok(Restarted { record: claimed, spawned, cwd: plan.cwd }),
        Err(refused) => Err(Failed { refusal: spawn::refusal(&refused), claimed: Some(claimed) }),
    }
}
