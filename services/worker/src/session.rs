//! One session as an actor: it alone decides who is attached, who drives, how large the terminal is,
//! how far the program may print, and what its record says.
//!
//! Its mailbox is bounded, and it never waits for anything slow: what takes time (the store, the end
//! of processes, `/proc`) is done by a task of its own, which answers with an [`Outcome`]. Bytes of
//! output do not pass here: viewers read them from the ring.

mod attach;
mod control;
mod drive;
mod exit;
mod handle;
mod idle;
mod input;
mod ledger;
mod restart;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use termfleet_proto::worker_v1 as pb;
use termfleet_ptyhost::client::{Ended, Reading, Stat};
use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Attempt, ClientId, Epoch, Offset},
    input::Marks,
    limits::Size,
    record::{self, Counters},
    role::Actor,
    seat::Seat,
    state::{Move, Status},
};
use termfleet_store::StoreError;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tracing::Span;

use self::{
    attach::Attachment,
    drive::Drive,
    exit::Phase,
    idle::Watched,
    ledger::Ledger,
    restart::{Failed, Restarted},
};
pub(crate) use self::{
    handle::{Facts, SessionHandle},
    idle::Swept,
    ledger::encode,
};
use crate::{
    feed::Feed,
    keeper,
    link::Request,
    metrics::CountedSession,
    screen::Picture,
    viewer::{Manner, Tier},
    worker::Context,
};

/// Commands that may wait for one session; with at most 32 KiB of input each, 2 MiB at most.
const MAILBOX: usize = 64;

/// Something for a session to do.
pub(crate) enum Command {
    /// A client attaches.
    Attach(Box<Attach>, Request),
    /// An attached client did something; the number is its viewer's.
    Viewer(u64, ViewerCommand),
    /// The ptyhost has news.
    PtyHost(News),
    /// A unary call.
    Call(Call),
    /// A task of its own, or the worker's upkeep, has ended.
    Outcome(Outcome),
}

/// A client that attaches, its capability checked.
pub(crate) struct Attach {
    pub(crate) actor: Actor,
    pub(crate) client: ClientId,
    pub(crate) attempt: Attempt,
    /// What it has.
    pub(crate) at: Option<(Epoch, Offset)>,
    pub(crate) tier: Tier,
    pub(crate) size: Option<Size>,
    /// How it is given snapshots.
    pub(crate) manner: Manner,
    pub(crate) watch_only: bool,
    /// What all that it leads to is a part of.
    pub(crate) span: Span,
}

/// What an attached client does.
pub(crate) enum ViewerCommand {
    /// It leaves, or its socket is lost.
    Detach {
        lost: bool,
        /// It is told so.
        answer: bool,
    },
    /// It broke the protocol.
    Evict(Code),
    /// It types.
    Input { offset: Option<Offset>, bytes: Bytes },
    /// Its window has another size.
    Resize(Size),
    /// It is to be fed in another way.
    Tier(Tier),
    /// It wants something done.
    Control(pb::Action, Request),
    /// It wants to go on from an offset, or a snapshot.
    Sync(Option<Offset>, Request),
}

/// News of the ptyhost about one epoch.
pub(crate) enum News {
    InputDone { epoch: Epoch, lane: ClientId, marks: Marks },
    InputRefused { epoch: Epoch, lane: ClientId, code: Code, expected: Offset },
    Exited { epoch: Epoch, ended: Ended },
}

/// Where a call's answer goes: the record as it then stands in the store.
pub(crate) type Reply = oneshot::Sender<Result<record::Session, Refusal>>;

/// A unary call.
pub(crate) enum Call {
    Close(Reply),
    Suspend(Reply),
    Resume(Reply),
    Describe(oneshot::Sender<Described>),
    /// It shall end if nobody has watched or used it for so long.
    Sweep(Duration, Swept),
}

/// What there is to know of a session right now.
pub(crate) struct Described {
    pub(crate) record: record::Session,
    pub(crate) stat: Option<Stat>,
    pub(crate) viewers: usize,
}

/// How something that took time came out.
pub(crate) enum Outcome {
    /// The store has the record as it was written in that epoch, or refuses it.
    Recorded(Epoch, Box<Result<record::Session, StoreError>>),
    /// What `/proc` tells, for whoever asked.
    Stated(Option<Stat>, oneshot::Sender<Described>),
    /// Where the shell is.
    Located(Option<String>),
    /// The processes were signalled.
    Moved(Move, Result<(), Refusal>, Reply),
    /// The screen, for one of its viewers, as it was in that epoch.
    Pictured(Epoch, u64, Picture),
    /// What that epoch's program asked its terminal is answered so.
    Queried(Epoch, Bytes),
    /// That epoch's program says that it is in another directory.
    Walked(Epoch),
    /// That epoch's output rests: what the program in the foreground does is to be told there.
    Rested(Epoch, oneshot::Sender<Option<Reading>>),
    /// There is a new shell, or none.
    Restarted(Box<Result<Restarted, Failed>>),
    /// When it was last used, as far as the store knows; it is to end if that was so long ago.
    Looked(Duration, Option<Timestamp>, Swept),
    /// It is this session's turn to be asserted.
    AssertDue,
    /// Somebody else owns the session by now.
    Superseded,
    /// The shell is gone and nobody knows how it ended.
    Lost,
}

/// What a session's actor starts with.
pub(crate) struct Start {
    pub(crate) record: record::Session,
    pub(crate) feed: Arc<Feed>,
    /// The handle that others already have, and its mailbox.
    pub(crate) handle: SessionHandle,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// It was taken over from an earlier worker process, with a driver perhaps.
    pub(crate) adopted: bool,
}

/// The actor.
pub(crate) struct Session {
    context: Arc<Context>,
    handle: SessionHandle,
    commands: mpsc::Receiver<Command>,
    feed: Arc<Feed>,
    ledger: Ledger,
    seat: Seat,
    /// The seat as everybody was told of it.
    told_seat: Seat,
    drive: Drive,
    attachments: BTreeMap<u64, Attachment>,
    watched: Watched,
    last_number: u64,
    phase: Phase,
    /// The seat's clock counts from here.
    started: Instant,
    /// Calls that wait for the record to be closed.
    closers: Vec<Reply>,
    /// Counts it where it is, as long as it is here.
    counted: CountedSession,
    over: bool,
}

enum Event {
    Command(Command),
    Pace,
    Timer,
    Stop,
}

/// A mailbox for a session that is about to start.
pub(crate) fn mailbox() -> (mpsc::Sender<Command>, mpsc::Receiver<Command>) {
    mpsc::channel(MAILBOX)
}

impl Session {
    /// Starts the actor.
    pub(crate) fn start(context: &Arc<Context>, start: Start) {
        let Start { record, feed, handle, commands, adopted } = start;
        let ended = feed.ended();
        let status = if ended.is_some() { Status::Closed } else { record.status };
        let session = Self {
            context: context.clone(),
            handle,
            commands,
            feed,
            ledger: Ledger::new(record),
            seat: Seat::default(),
            told_seat: Seat::default(),
            drive: Drive::new(adopted),
            attachments: BTreeMap::new(),
            watched: Watched::starting(),
            last_number: 0,
            phase: Phase::starting(ended),
            started: Instant::now(),
            closers: Vec::new(),
            counted: context.metrics.session(status),
            over: false,
        };
        keeper::start(context, session.handle.clone(), session.feed.clone(), adopted);
        context.tasks.spawn("session", session.run());
    }

    async fn run(mut self) {
        self.pace().await;
        while !self.over {
            match self.event().await {
                Event::Command(command) => self.command(command).await,
                Event::Pace => self.pace().await,
                Event::Timer => self.timer().await,
                Event::Stop => {
                    self.last_words().await;
                    break;
                }
            }
            self.note_viewers();
        }
        self.context.registry.remove(&self.handle);
        self.feed.desk.close();
        self.turn_away();
    }

    async fn event(&mut self) -> Event {
        let deadline = self.deadline();
        tokio::select! {
            biased;
            () = self.context.stop.cancelled() => Event::Stop,
            () = self.handle.paced() => Event::Pace,
            // Its own handle holds a sender, so there always is another command to wait for.
            Some(command) = self.commands.recv() => Event::Command(command),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                Event::Timer
            }
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Attach(attach, request) => {
                let span = attach.span.clone();
                traces::within(span, self.attach(*attach, request)).await;
            }
            Command::Viewer(number, command) => self.viewer(number, command).await,
            Command::PtyHost(news) => self.news(news).await,
            Command::Call(call) => self.call(call),
            Command::Outcome(outcome) => self.outcome(outcome).await,
        }
    }

    async fn viewer(&mut self, number: u64, command: ViewerCommand) {
        if !self.attachments.contains_key(&number) {
            // Its channel ended while this was on its way.
            return;
        }
        match command {
            ViewerCommand::Detach { lost, answer } => self.detach(number, lost, answer).await,
            ViewerCommand::Evict(code) => self.evict(number, code.into()).await,
            ViewerCommand::Input { offset, bytes } => self.input(number, offset, bytes).await,
            ViewerCommand::Resize(size) => self.resize(number, size).await,
            ViewerCommand::Tier(tier) => self.set_tier(number, tier).await,
            ViewerCommand::Control(action, request) => {
                self.control(number, action, request).await;
            }
            ViewerCommand::Sync(offset, request) => self.sync(number, offset, request),
        }
    }

    async fn news(&mut self, news: News) {
        match news {
            News::InputDone { epoch, lane, marks } if epoch == self.feed.epoch => {
                self.input_done(&lane, marks).await;
            }
            News::InputRefused { epoch, lane, code, expected } if epoch == self.feed.epoch => {
                self.input_refused(&lane, code, expected);
            }
            News::Exited { epoch, ended } => self.exited(epoch, ended).await,
            // Of a shell that is no more.
            News::InputDone { .. } | News::InputRefused { .. } => {}
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Close(reply) => self.close(reply),
            Call::Suspend(reply) => self.change_status(Move::Suspend, reply),
            Call::Resume(reply) => self.change_status(Move::Resume, reply),
            Call::Describe(reply) => self.describe(reply),
            Call::Sweep(limit, reply) => self.sweep(limit, reply),
        }
    }

    async fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Recorded(epoch, result) => self.recorded(epoch, *result),
            Outcome::Stated(stat, reply) => self.stated(stat, reply),
            Outcome::Located(path) => self.located(path),
            Outcome::Moved(step, result, reply) => self.moved(step, result, reply),
            Outcome::Pictured(epoch, number, picture) => self.pictured(epoch, number, &picture),
            Outcome::Queried(epoch, answer) => self.answer_query(epoch, answer).await,
            Outcome::Walked(epoch) => self.walked(epoch),
            Outcome::Rested(epoch, answer) => self.rested(epoch, answer),
            Outcome::Restarted(result) => self.restarted(*result).await,
            Outcome::Looked(limit, known, reply) => self.looked(limit, known, reply),
            Outcome::AssertDue => self.assert_due(),
            Outcome::Superseded => self.superseded(),
            Outcome::Lost => self.lost(),
        }
    }

    /// When something is to be done without anybody asking.
    fn deadline(&self) -> Option<Instant> {
        [self.drive.deadline(), self.ledger.deadline(), self.phase.deadline(), self.seat_deadline()]
            .into_iter()
            .chain(self.attachments.values().map(Attachment::echo_deadline))
            .flatten()
            .min()
    }

    async fn timer(&mut self) {
        let now = Instant::now();
        self.echoed(now);
        self.expire_seat();
        self.apply_size(now).await;
        self.redraw(now);
        self.watch_driver(now);
        self.look(now);
        self.pace().await;
        self.flush(now);
        self.forget_if_due(now);
    }

    /// The process ends, the session does not: what is not yet recorded is.
    async fn last_words(&mut self) {
        if let Some(change) = self.ledger.last(self.context.is_superseded()) {
            let fence = self.fence();
            let id = &self.ledger.session().id;
            if let Err(error) = self.context.directory.update(id, &fence, change).await {
                tracing::warn!(%error, session = %id, "the last change was not recorded");
            }
        }
    }

    fn alive(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    fn status(&self) -> Status {
        self.ledger.session().status
    }

    /// The record with its newest counters.
    fn record(&self) -> record::Session {
        let mut record = self.ledger.session().clone();
        record.counters = self.counters();
        record.last_activity_at = record.last_activity_at.max(self.handle.active_at());
        record
    }

    fn counters(&self) -> Counters {
        Counters { bytes_in: self.handle.bytes_in(), bytes_out: self.feed.ring.head().get() }
    }

    /// Runs something that takes time; its outcome comes back as a command.
    fn later(&self, name: &'static str, task: impl Future<Output = Outcome> + Send + 'static) {
        let handle = self.handle.clone();
        self.context.tasks.spawn(name, async move {
            let outcome = task.await;
            handle.send(Command::Outcome(outcome)).await;
        });
    }
}
