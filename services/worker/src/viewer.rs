//! One client attached to one session: where it is in the output, what it may still be sent, and
//! what it is to be told.
//!
//! The session's actor puts words here, acknowledgements arrive from the link's reader, and the
//! link's writer takes one frame a turn. What waits is merged by kind, so that a viewer that is not
//! read from costs a bounded amount, and output is copied out of the ring only when it leaves.

mod manner;
mod pace;
mod shots;
mod tier;
mod words;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use termfleet_proto::{
    convert::reason_to_pb,
    worker_v1::{self as pb, worker_frame::Frame},
    ws::frame::Reason,
};
use termfleet_session::{
    credit::AckBeyondSent,
    ids::{ChannelId, Offset},
    state::Status,
};
use tokio::time::Instant;

pub(crate) use self::{
    manner::Manner,
    tier::Tier,
    words::{Permit, Told},
};
use self::{
    pace::{Pace, Skip},
    shots::{Part, Shot, Shots},
    words::Words,
};
use crate::{
    feed::{Feed, Sized},
    keeper::Ask,
    link::Link,
    metrics::{Counted, Metrics},
    screen::Picture,
    session::SessionHandle,
};

/// What may still be on its way to a client that interrupts its program; if it is more, it is
/// dropped (`byte-lane.md` §4).
const BACKLOG_BYTES: u64 = 64 << 10;

/// One attachment, shared by its session and its link.
pub(crate) struct Viewer {
    /// Its number in its session.
    pub(crate) number: u64,
    /// Its number on its link.
    pub(crate) channel: ChannelId,
    pub(crate) session: SessionHandle,
    /// How it is given snapshots.
    pub(crate) manner: Manner,
    link: Arc<Link>,
    feed: Arc<Feed>,
    metrics: Metrics,
    /// It has its turn coming.
    queued: AtomicBool,
    // Held for one word or one frame, never across an await.
    state: Mutex<State>,
    _counted: Counted,
}

/// Where output starts.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    /// With the bytes from this offset on.
    Recovered(Offset),
    /// With a snapshot, and why.
    Snapshot(Picture, Reason),
}

struct State {
    words: Words,
    pace: Pace,
    /// What its client has to be sent before any output.
    shots: Shots,
    /// What it is to be shown once it is fed again, and why.
    owed: Option<Reason>,
    /// Where it starts is not known yet: it is not told or sent anything.
    opening: bool,
    /// A picture was asked for that takes the place of its backlog.
    waits: bool,
    /// The newest size that its last snapshot had.
    drawn: u64,
    /// The newest size that the client was told of.
    sized: u64,
    told_exit: bool,
    /// The client attached to a session that had ended already.
    came_late: bool,
    /// It is to be asked again then.
    asked_again: Option<Instant>,
    over: bool,
}

/// What a viewer does with its turn.
pub(crate) enum Turn {
    /// It sends a frame, and may have more.
    Frame(Frame, Option<Permit>),
    /// It sends its last frame.
    Last(Frame),
    /// It must be asked again then.
    Later(Instant),
    /// It has nothing to send until it is woken.
    Nothing,
}

/// What a new viewer is made of.
pub(crate) struct Seed {
    pub(crate) number: u64,
    pub(crate) session: SessionHandle,
    pub(crate) feed: Arc<Feed>,
    pub(crate) metrics: Metrics,
    pub(crate) manner: Manner,
    pub(crate) drives: bool,
    pub(crate) tier: Tier,
}

impl Start {
    pub(crate) fn offset(&self) -> Offset {
        match self {
            Self::Recovered(offset) => *offset,
            Self::Snapshot(picture, _) => picture.offset,
        }
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Recovered(_) => None,
            Self::Snapshot(_, reason) => Some(*reason),
        }
    }
}

impl Viewer {
    /// One that waits for where it starts ([`Self::start`]).
    pub(crate) fn new(seed: Seed, channel: ChannelId, link: Arc<Link>) -> Self {
        let Seed { number, session, feed, metrics, manner, drives, tier } = seed;
        let state = State {
            words: Words::default(),
            pace: Pace::new(feed.ring.head(), drives, tier, Instant::now()),
            shots: Shots::new(manner.reports_parts),
            owed: None,
            opening: true,
            waits: false,
            drawn: 0,
            sized: 0,
            told_exit: false,
            came_late: feed.ended().is_some(),
            asked_again: None,
            over: false,
        };
        Self {
            number,
            channel,
            session,
            manner,
            link,
            feed,
            queued: AtomicBool::new(false),
            state: Mutex::new(state),
            _counted: metrics.viewer(),
            metrics,
        }
    }

    /// Gives it a turn, unless it has one coming.
    pub(crate) fn wake(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.link.enqueue(self.clone());
        }
    }

    /// The client is to be told something.
    pub(crate) fn tell(self: &Arc<Self>, told: Told) {
        self.lock().words.add(told);
        self.wake();
    }

    /// It drives, or does not any more.
    pub(crate) fn set_drives(&self, drives: bool) {
        self.lock().pace.drives = drives;
    }

    /// It is fed in another way from now on. False: it was fed so already.
    pub(crate) fn set_tier(self: &Arc<Self>, tier: Tier) -> bool {
        let mut state = self.lock();
        if state.pace.tier() == tier {
            return false;
        }
        state.pace.set_tier(tier, self.span(), Instant::now());
        drop(state);
        self.wake();
        true
    }

    /// How it is fed.
    pub(crate) fn tier(&self) -> Tier {
        self.lock().pace.tier()
    }

    /// The link that it is on.
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Its channel ends without a word: another one replaces it.
    pub(crate) fn retire(&self) -> ChannelId {
        self.lock().over = true;
        self.link.close(self.channel);
        self.channel
    }

    /// Output starts there, or goes on there: what the client asked for with `Attach` or `Sync`.
    pub(crate) fn start(&self, start: Start) {
        let mut state = self.lock();
        (state.opening, state.waits, state.told_exit) = (false, false, false);
        match start {
            Start::Recovered(offset) => {
                state.shots.drop_next();
                state.owed = None;
                self.jump(&mut state, offset);
            }
            Start::Snapshot(picture, reason) => self.put(&mut state, picture, reason),
        }
    }

    /// A picture of the screen takes the place of what it has not been sent.
    pub(crate) fn show(self: &Arc<Self>, picture: Picture, reason: Reason) {
        let mut state = self.lock();
        // One that starts gets a picture with its start.
        if !state.opening {
            state.waits = false;
            self.put(&mut state, picture, reason);
            drop(state);
            self.wake();
        }
    }

    fn put(&self, state: &mut State, picture: Picture, reason: Reason) {
        state.drawn = self.feed.size_at(picture.offset, picture.size).number;
        state.shots.put(Shot { picture, reason });
    }

    /// Asks for a picture of the screen with the size of that number, unless it has one.
    pub(crate) fn redraw(self: &Arc<Self>, sized: u64) {
        let mut state = self.lock();
        if state.opening || state.over || state.drawn >= sized {
            return;
        }
        match state.pace.tier() {
            Tier::Live | Tier::Preview => {
                // What is sent meanwhile would be sent twice.
                state.waits = true;
                drop(state);
                self.feed.desk.ask(Ask::viewer(self, Reason::Resized));
            }
            Tier::Events => state.owed = Some(Reason::Resized),
        }
    }

    /// If much of what was printed is still on its way to the client, a picture takes its place.
    pub(crate) fn skip_backlog(self: &Arc<Self>) {
        let mut state = self.lock();
        let behind = self.feed.ring.head().since(state.pace.acked());
        let comes = state.opening || state.waits || state.over;
        if comes || behind <= BACKLOG_BYTES {
            return;
        }
        state.waits = true;
        drop(state);
        self.feed.desk.ask(Ask::viewer(self, Reason::Interrupted));
    }

    /// It is not known yet where it starts.
    pub(crate) fn is_opening(&self) -> bool {
        self.lock().opening
    }

    /// The client has parsed everything before `offset`.
    pub(crate) fn ack(self: &Arc<Self>, offset: Offset) -> Result<(), AckBeyondSent> {
        let mut state = self.lock();
        if state.over || state.words.ending() {
            return Ok(());
        }
        state.pace.ack(offset, Instant::now())?;
        drop(state);
        self.wake();
        Ok(())
    }

    /// So many parts of a snapshot have left its gateway.
    pub(crate) fn parts_taken(self: &Arc<Self>, parts: u32) {
        self.lock().shots.taken(parts);
        self.wake();
    }

    /// Up to where it was sent output, and up to where its client has parsed it.
    pub(crate) fn progress(&self) -> (Offset, Offset) {
        let state = self.lock();
        (state.pace.sent(), state.pace.acked())
    }

    /// Its turn: the next frame, if it has one.
    pub(crate) fn turn(self: &Arc<Self>, now: Instant) -> Turn {
        // Whoever wakes it from here on gives it another turn.
        self.queued.store(false, Ordering::Release);
        let mut state = self.lock();
        if state.over || state.opening {
            return Turn::Nothing;
        }
        if state.shots.is_amid() {
            // What is told between two parts could say that another snapshot begins.
            let part = state.shots.rest();
            return part.map_or(Turn::Nothing, |part| {
                Turn::Frame(self.snapshot(&mut state, part, now), None)
            });
        }
        if let Some((frame, permit)) = state.words.next(self.channel) {
            return if matches!(frame, Frame::Detached(_)) {
                state.over = true;
                Turn::Last(frame)
            } else {
                Turn::Frame(frame, permit)
            };
        }
        self.output(&mut state, now)
    }

    fn output(self: &Arc<Self>, state: &mut State, now: Instant) -> Turn {
        if state.pace.tier() == Tier::Events {
            // Where it was to go on may be long gone when it is fed again.
            state.owed = state.shots.drop_next().or(state.owed);
            return self.exited(state);
        }
        if let Some(part) = state.shots.begin(state.pace.sent()) {
            return Turn::Frame(self.snapshot(state, part, now), None);
        }
        if let Some(reason) = state.owed.take() {
            return self.await_picture(state, Ask::viewer(self, reason));
        }
        if state.waits {
            return Turn::Nothing;
        }
        let span = self.span();
        if let Some(skip) = state.pace.skips(span, now) {
            if !state.pace.takes_snapshot(now) {
                let due = state.pace.snapshot_due(now);
                return due.map_or(Turn::Nothing, |due| ask_again(state, due, now));
            }
            return match skip {
                Skip::Lags => {
                    self.metrics.lagging.inc();
                    self.await_picture(state, Ask::laggard(self))
                }
                Skip::CatchesUp => self.await_picture(state, Ask::viewer(self, Reason::Lagging)),
            };
        }
        let size = self.feed.size_after(state.sized);
        if let Some(due) = size.filter(|size| size.at.offset <= state.pace.sent()) {
            state.sized = due.number;
            return Turn::Frame(self.resized(due), None);
        }
        let (open, more_at) = state.pace.opens(span.1, now);
        let stops = [size.map(|size| size.at.offset), state.shots.awaits()];
        let until = stops.into_iter().flatten().fold(open, Offset::min);
        match (state.pace.room(until, now), more_at) {
            (0, None) => self.exited(state),
            (0, Some(more_at)) => ask_again(state, more_at, now),
            (room, _) => self.bytes(state, room, now),
        }
    }

    fn await_picture(&self, state: &mut State, ask: Ask) -> Turn {
        state.waits = true;
        self.feed.desk.ask(ask);
        Turn::Nothing
    }

    /// What the ring holds.
    fn span(&self) -> (Offset, Offset) {
        (self.feed.ring.tail(), self.feed.ring.head())
    }

    fn bytes(&self, state: &mut State, room: usize, now: Instant) -> Turn {
        let mut bytes = vec![0; room];
        let offset = state.pace.sent();
        let Ok(copied) = self.feed.ring.read_at(offset, &mut bytes) else {
            // It fell out of the ring just now: its next turn will find that it lags.
            return ask_again(state, now, now);
        };
        bytes.truncate(copied);
        state.pace.advance(copied as u64);
        self.metrics.output.inc_by(copied as u64);
        if state.pace.drives {
            self.feed.driver_was_sent(state.pace.sent());
        }
        let (channel, data) = (self.channel.get(), Bytes::from(bytes));
        Turn::Frame(Frame::Output(pb::Output { channel, offset: offset.get(), data }), None)
    }

    fn snapshot(&self, state: &mut State, part: Part, now: Instant) -> Frame {
        let Part { shot: Shot { picture, reason }, first, more, data } = part;
        if first && reason == Reason::Resized && picture.offset <= state.pace.sent() {
            // It takes the place of nothing: what is under way still is.
            state.pace.step_back(picture.offset);
            state.sized = self.feed.size_at(picture.offset, self.session.size()).number;
        } else if first {
            self.jump(state, picture.offset);
        }
        if first {
            state.pace.snapshot_sent(picture.offset, now);
        }
        Frame::Snapshot(pb::Snapshot {
            channel: self.channel.get(),
            epoch: self.feed.epoch.get(),
            offset: picture.offset.get(),
            size: Some(picture.size.into()),
            reason: reason_to_pb(Some(reason)),
            more,
            data,
        })
    }

    fn jump(&self, state: &mut State, offset: Offset) {
        state.pace.jump(offset);
        state.sized = self.feed.size_at(offset, self.session.size()).number;
        if state.pace.drives {
            self.feed.driver_was_sent(offset);
        }
    }

    fn resized(&self, size: Sized) -> Frame {
        let resized = pb::Resized { size: Some(size.at.size.into()), offset: size.at.offset.get() };
        self.event(pb::event::Kind::Resized(resized))
    }

    fn exited(&self, state: &mut State) -> Turn {
        // Who is fed no output hears of it all the same.
        let shown = |ended: Offset| ended <= state.pace.sent() || state.pace.tier() == Tier::Events;
        let due = self.feed.ended().filter(|ended| !state.told_exit && shown(ended.offset));
        let Some(ended) = due else { return Turn::Nothing };
        state.told_exit = true;
        if let Some(previous) = self.feed.status_before().filter(|_| !state.came_late) {
            state.words.add(Told::Status(pb::StatusChanged {
                status: Status::Closed.name().to_owned(),
                previous: previous.name().to_owned(),
                reason: "exited".to_owned(),
            }));
        }
        let exited = pb::Exited {
            code: ended.exit.code,
            signal: ended.exit.signal,
            offset: ended.offset.get(),
        };
        Turn::Frame(self.event(pb::event::Kind::Exited(exited)), None)
    }

    fn event(&self, kind: pb::event::Kind) -> Frame {
        Frame::Event(pb::Event { channel: self.channel.get(), kind: Some(kind) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole between two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It is to be asked again then, unless it is anyway by then.
fn ask_again(state: &mut State, at: Instant, now: Instant) -> Turn {
    if state.asked_again.is_some_and(|due| now < due && due <= at) {
        return Turn::Nothing;
    }
    state.asked_again = Some(at);
    Turn::Later(at)
}
