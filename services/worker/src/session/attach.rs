//! Who is attached: attaching, going on from an offset, leaving (`byte-lane.md` §2).

use std::{collections::VecDeque, sync::Arc};

use termfleet_proto::{convert::reason_to_pb, worker_v1 as pb, ws::frame::Reason};
use termfleet_ptyhost::client::Refused;
use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Attempt, ClientId, Epoch, Offset},
    input::Marks,
    limits::Size,
    record::Mode,
    role::Operation,
    seat::Driver,
};
use tokio::time::Instant;

use super::{
    Attach, Outcome, Session,
    exit::Phase,
    input::{Echo, Held},
};
use crate::{
    admit,
    keeper::Ask,
    link::Request,
    screen::Picture,
    viewer::{Manner, Seed, Start, Tier, Told, Viewer},
};

/// When to attach again to a session whose shell is being replaced, or whose owner is in doubt.
const RETRY_MS: u64 = 200;

/// One client attached.
pub(super) struct Attachment {
    pub(super) viewer: Arc<Viewer>,
    /// Who it is, for the seat.
    pub(super) who: Driver,
    /// The name of its lane in the ptyhost.
    pub(super) lane: ClientId,
    pub(super) attempt: Attempt,
    /// It may type, as far as its role and the session's mode go.
    pub(super) may_type: bool,
    /// Its window's size, which holds as soon as it drives.
    pub(super) size: Option<Size>,
    /// Where its input goes on, as far as is known here.
    pub(super) next: Offset,
    pub(super) written: Offset,
    /// The ptyhost knows that its lane is in use.
    pub(super) lane_known: bool,
    /// A refusal of its input was told, and nothing has been accepted since.
    pub(super) refused: bool,
    /// Input without offsets that waits for the window.
    pub(super) held: Held,
    pub(super) echo: Echo,
    /// Input that interrupts the program ends here, and is not written yet.
    pub(super) interrupts_at: Option<Offset>,
    /// What it knows of the seat: whether it drives, and whether anybody does.
    pub(super) told_seat: (bool, bool),
    /// Answers that wait for a picture of the screen, in the order of their requests.
    pub(super) awaited: VecDeque<Awaited>,
}

/// A request whose answer says where output goes on.
pub(super) struct Awaited {
    pub(super) request: Request,
    wish: Wish,
}

/// Where output can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// With the bytes from this offset on.
    Bytes(Offset),
    /// With a picture of the screen, for this reason.
    Picture(Reason),
}

/// A client that may attach.
struct Admitted {
    who: Driver,
    lane: ClientId,
    attempt: Attempt,
    may_type: bool,
    size: Option<Size>,
    manner: Manner,
    marks: Marks,
}

impl Attachment {
    fn new(admitted: Admitted, viewer: Arc<Viewer>, told_seat: (bool, bool)) -> Self {
        let Admitted { who, lane, attempt, may_type, size, manner: _, marks } = admitted;
        Self {
            viewer,
            who,
            lane,
            attempt,
            may_type,
            size,
            next: marks.accepted,
            written: marks.written,
            lane_known: marks.accepted > Offset::new(0),
            refused: false,
            held: Held::default(),
            echo: Echo::new(marks.written),
            interrupts_at: None,
            told_seat,
            awaited: VecDeque::new(),
        }
    }

    pub(super) fn echo_deadline(&self) -> Option<Instant> {
        self.echo.deadline()
    }
}

impl Session {
    pub(super) async fn attach(&mut self, attach: Attach, request: Request) {
        if let Err(refusal) = self.may_attach(&attach) {
            return request.refuse(&refusal);
        }
        let Attach { actor, client, attempt, at, tier, size, manner, watch_only, span: _ } = attach;
        let lane = admit::lane(&actor.user, &client);
        let who = Driver { user: actor.user, client };
        let may_type = !watch_only
            && self.handle.facts().mode != Mode::Readonly
            && actor.role.allows(Operation::Write);
        let asked = tracing::debug_span!("ptyhost lane", "otel.kind" = "client");
        let marks = match traces::within(asked, self.lane(&lane, may_type)).await {
            Ok(marks) => marks,
            Err(refused) => return request.refuse(&refused.code().into()),
        };
        self.end_older(&who);
        let drives = self.alive() && may_type && self.seat.offer(&who, self.seat_ms());
        if let Some(size) = size.filter(|_| drives) {
            self.want_size(size).await;
        }
        let admitted = Admitted { who, lane, attempt, may_type, size, manner, marks };
        self.open(admitted, (at, tier), drives, request);
        self.seat_changed().await;
        self.pace().await;
    }

    /// Gives an admitted client its channel.
    fn open(
        &mut self,
        admitted: Admitted,
        (at, tier): (Option<(Epoch, Offset)>, Tier),
        drives: bool,
        request: Request,
    ) {
        let wish = self.wish(at);
        let link = request.link().clone();
        let number = self.next_number();
        let seed = self.seed(number, admitted.manner, drives, tier);
        let Some(viewer) = link.channel(|channel| Viewer::new(seed, channel, link.clone())) else {
            // Its gateway was lost on the way, which the client will hear from another one.
            let now = self.seat_ms();
            self.seat.lose(&admitted.who, now);
            return;
        };
        let told_seat = (drives, self.seat.driver().is_some());
        self.join(Attachment::new(admitted, viewer, told_seat));
        self.answer_where(number, wish, request);
    }

    /// Answers where a viewer's output goes on; when there is a picture, if it takes one.
    fn answer_where(&mut self, number: u64, wish: Wish, request: Request) {
        let Some(attachment) = self.attachments.get_mut(&number) else { return };
        match wish {
            Wish::Bytes(offset) if attachment.awaited.is_empty() => {
                self.goes_on(number, Start::Recovered(offset), request);
            }
            wish => {
                if attachment.awaited.is_empty() {
                    self.feed.desk.ask(Ask::session(number, attachment.viewer.manner.snapshot));
                }
                attachment.awaited.push_back(Awaited { request, wish });
            }
        }
    }

    /// There is a picture for a viewer.
    pub(super) fn pictured(&mut self, epoch: Epoch, number: u64, picture: &Picture) {
        if epoch != self.feed.epoch {
            // It has a new channel by now, on which a new shell's output began.
            return;
        }
        let Some(attachment) = self.attachments.get_mut(&number) else { return };
        for Awaited { request, wish } in std::mem::take(&mut attachment.awaited) {
            let start = match wish {
                Wish::Bytes(offset) => Start::Recovered(offset),
                Wish::Picture(reason) => Start::Snapshot(picture.clone(), reason),
            };
            self.goes_on(number, start, request);
        }
    }

    fn goes_on(&self, number: u64, start: Start, request: Request) {
        let Some(attachment) = self.attachments.get(&number) else { return };
        let (request, permit) = request.into_parts();
        let attached = self.attached(attachment, &start, Some(request), None);
        attachment.viewer.start(start);
        attachment.viewer.tell(Told::Attached(attached, permit));
    }

    fn may_attach(&mut self, attach: &Attach) -> Result<(), Refusal> {
        match self.phase {
            Phase::Running | Phase::Ended { .. } => {}
            Phase::Restarting { .. } => {
                return Err(Refusal::from(Code::ServiceUnavailable).retry_after(RETRY_MS));
            }
            Phase::Closing { .. } | Phase::Closed => return Err(Code::SessionEnded.into()),
        }
        if attach.at.is_some_and(|(epoch, _)| epoch > self.feed.epoch) {
            self.recheck();
            return Err(Refusal::from(Code::ServiceUnavailable).retry_after(RETRY_MS));
        }
        let newer = |other: &Attachment| {
            other.who.user == attach.actor.user
                && other.who.client == attach.client
                && other.attempt > attach.attempt
        };
        if self.attachments.values().any(newer) {
            let text = "a newer attempt of this client is attached";
            return Err(Refusal::new(Code::TakenOver, text));
        }
        Ok(())
    }

    /// Somebody has bytes of a later epoch: does the store know of it too?
    fn recheck(&self) {
        let (context, fence) = (self.context.clone(), self.fence());
        let (id, handle) = (self.handle.facts().id.clone(), self.handle.clone());
        self.context.tasks.spawn("recheck", async move {
            let Ok(Some(stored)) = context.directory.get(&id).await else { return };
            let theirs = stored.epoch == fence.epoch && stored.owner != Some(fence.owner);
            if stored.epoch > fence.epoch || theirs {
                handle.send(super::Command::Outcome(Outcome::Superseded)).await;
            }
        });
    }

    /// How far a client's input has come; the ptyhost hears whether somebody may use the lane.
    pub(super) async fn lane(&self, lane: &ClientId, viewed: bool) -> Result<Marks, Refused> {
        let client = &self.context.client;
        client.lane(&self.handle.facts().id, self.feed.epoch, lane, viewed).await
    }

    /// An older attachment of the same client ends; its seat stays its client's.
    fn end_older(&mut self, who: &Driver) {
        let older = self.attachments.values().find(|other| other.who == *who);
        let Some(number) = older.map(|other| other.viewer.number) else { return };
        let refusal = Refusal::new(Code::TakenOver, "the same client attached again");
        self.end_attachment(number, detached(&refusal));
    }

    /// Where the output of a client starts that has what it says.
    fn wish(&self, at: Option<(Epoch, Offset)>) -> Wish {
        let ring = &self.feed.ring;
        Wish::Picture(match at {
            None => Reason::NewClient,
            Some((epoch, _)) if epoch != self.feed.epoch => Reason::NewEpoch,
            Some((_, offset)) if offset > ring.head() => Reason::BadOffset,
            Some((_, offset)) if offset < ring.tail() => Reason::Trimmed,
            Some((_, offset)) => return Wish::Bytes(offset),
        })
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn seed(&self, number: u64, manner: Manner, drives: bool, tier: Tier) -> Seed {
        Seed {
            number,
            session: self.handle.clone(),
            feed: self.feed.clone(),
            metrics: self.context.metrics.clone(),
            manner,
            drives,
            tier,
        }
    }

    pub(super) fn attached(
        &self,
        attachment: &Attachment,
        start: &Start,
        request: Option<u64>,
        replaces: Option<u64>,
    ) -> pb::Attached {
        pb::Attached {
            request,
            replaces,
            channel: attachment.viewer.channel.get(),
            session: self.handle.facts().id.to_string(),
            epoch: self.feed.epoch.get(),
            offset: start.offset().get(),
            head: self.feed.ring.head().get(),
            recovered: start.reason().is_none(),
            reason: reason_to_pb(start.reason()),
            driver: self.seat.is(&attachment.who),
            next_input_offset: attachment.next.get(),
            size: Some(self.handle.size().into()),
            status: self.status().name().to_owned(),
            tier: pb::Tier::from(attachment.viewer.tier()).into(),
        }
    }

    /// It is one of those who are fed, as soon as it is known where that starts.
    pub(super) fn join(&mut self, attachment: Attachment) {
        let viewer = attachment.viewer.clone();
        if attachment.written > Offset::new(0) {
            // What it still holds for sending again was written before it came back.
            let written = attachment.written.get();
            viewer.tell(Told::Ack { written, echo: written });
        }
        self.feed.join(viewer.clone());
        self.attachments.insert(viewer.number, attachment);
    }

    pub(super) fn sync(&mut self, number: u64, offset: Option<Offset>, request: Request) {
        let wish = match self.wish(offset.map(|offset| (self.feed.epoch, offset))) {
            Wish::Picture(Reason::NewClient) => Wish::Picture(Reason::Asked),
            wish => wish,
        };
        self.answer_where(number, wish, request);
    }

    /// A client is to be fed in another way: it is told so, and if it drives the program may have
    /// to wait for it from now on, or need not any more.
    pub(super) async fn set_tier(&mut self, number: u64, tier: Tier) {
        let Some(attachment) = self.attachments.get(&number) else { return };
        if attachment.viewer.set_tier(tier) {
            attachment.viewer.tell(Told::Tier(tier));
            self.pace().await;
        }
    }

    pub(super) async fn detach(&mut self, number: u64, lost: bool, answer: bool) {
        let Some(attachment) = self.attachments.get(&number) else { return };
        let (who, lane) = (attachment.who.clone(), attachment.lane.clone());
        let may_type = attachment.may_type;
        // Who was not fed every byte misses none of them.
        let acked = match attachment.viewer.tier() {
            Tier::Live => attachment.viewer.progress().1,
            Tier::Preview | Tier::Events => self.feed.ring.head(),
        };
        let reason = if lost { "the socket was lost" } else { "detached" };
        let viewer = attachment.viewer.clone();
        let goodbye = pb::Detached { reason: reason.to_owned(), ..pb::Detached::default() };
        if answer {
            self.end_attachment(number, goodbye);
        } else {
            self.feed.leave(&viewer);
            self.attachments.remove(&number);
        }
        if lost && self.seat.lose(&who, self.seat_ms()) {
            self.drive.hold_from(acked);
        } else if !lost {
            self.seat.leave(&who);
        }
        if may_type && self.alive() {
            // Gone or refused: then there is no lane to be replaced either.
            let _ = self.lane(&lane, false).await;
        }
        self.seat_changed().await;
        self.pace().await;
    }

    /// Ends an attachment for a mistake of its client.
    pub(super) async fn evict(&mut self, number: u64, refusal: Refusal) {
        let Some(attachment) = self.attachments.get(&number) else { return };
        let who = attachment.who.clone();
        self.end_attachment(number, detached(&refusal));
        self.seat.leave(&who);
        self.seat_changed().await;
        self.pace().await;
    }

    /// Tells a client that it is over, and feeds it no more.
    pub(super) fn end_attachment(&mut self, number: u64, goodbye: pb::Detached) {
        let Some(attachment) = self.attachments.remove(&number) else { return };
        self.feed.leave(&attachment.viewer);
        if attachment.viewer.is_opening() {
            // Its client knows of no channel yet: its request is refused instead.
            attachment.viewer.retire();
            let refusal = refusal(&goodbye);
            attachment.awaited.into_iter().for_each(|asked| asked.request.refuse(&refusal));
        } else {
            attachment.viewer.tell(Told::Detached(goodbye));
        }
    }

    /// The same for all.
    pub(super) fn end_attachments(&mut self, goodbye: &pb::Detached) {
        while let Some((&number, _)) = self.attachments.first_key_value() {
            self.end_attachment(number, goodbye.clone());
        }
    }
}

/// The end of an attachment, for a reason that has a code.
pub(super) fn detached(refusal: &Refusal) -> pb::Detached {
    pb::Detached {
        code: Some(refusal.code.number().into()),
        reason: refusal.text.clone(),
        ..pb::Detached::default()
    }
}

/// What a client is told instead whose attachment ended before it began.
fn refusal(goodbye: &pb::Detached) -> Refusal {
    let code = goodbye.code.and_then(|code| u16::try_from(code).ok()).and_then(Code::from_number);
    Refusal::new(code.unwrap_or(Code::ServiceUnavailable), goodbye.reason.clone())
}
