//! One long-lived stream to a worker and the seats that it carries.
//!
//! ```text
//!          attach                    Attached                      Detached, Refused
//!  (none) ────────▶ asking ───────────────────────▶ attached ───────────────────────▶ (gone)
//!                    │  ▲                               │
//!                    │  └────────── link broke ─────────┘  asked again at the last byte taken
//!                    └──── no answer in time ──▶ (gone)
//! ```
//!
//! The state is under one short lock, because sockets hand over input without waiting; `run` keeps
//! the stream alive, `dispatch` reads what the worker sends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use termfleet_proto::{
    worker_v1::{self as pb, gateway_frame::Frame},
    ws::v1::Action,
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, Epoch, Offset},
    limits::Size,
};
use termfleet_token::CapabilityKey;
use tokio::time::Instant;

use super::{
    attach::{Attach, Attachment, Typed},
    inbox::{Delivery, Ending, Inbox, SEAT_REQUESTS, SeatKey, Token},
    outbox::{Next, Outbox},
    queue::Position,
};

mod dispatch;
pub(super) mod run;

/// How long the first answer to an attachment may take: twice what a recovery may (5 s in all,
/// link broken after 3 s of silence), beyond which a client had better hear of it.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long a seat whose link broke waits for another one: a worker's restart takes a second or
/// two, and the client learns after this that it should look for itself.
const AWAY_TIME: Duration = Duration::from_secs(10);

/// A seat's number on its link.
pub(crate) type SeatId = u64;

/// One link; clones are handles to it.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    key: CapabilityKey,
    // Short and private: held for a look-up and a push, never over a wait.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Which stream this is: an older one that is still being torn down gets nothing more.
    stream: u64,
    /// The worker has taken the stream.
    up: bool,
    /// Whoever sends for the present stream, while nothing waits for it.
    sender: Option<Waker>,
    outbox: Outbox,
    last_seat: SeatId,
    last_request: u64,
    seats: HashMap<SeatId, Seat>,
    channels: HashMap<u64, SeatId>,
    requests: HashMap<u64, Pending>,
}

#[derive(Debug)]
struct Seat {
    attach: Attach,
    inbox: Inbox,
    key: SeatKey,
    channel: Option<u64>,
    /// The worker has answered once.
    answered: bool,
    /// Since when there is no channel.
    away: Instant,
    /// Requests that wait for an answer.
    requests: usize,
}

#[derive(Debug)]
enum Pending {
    Attach(SeatId),
    /// Nobody wants the attachment any more.
    Abandoned {
        lost: bool,
    },
    Sync(SeatId, Token),
    Control(SeatId, Token),
}

impl Link {
    pub(super) fn new(key: CapabilityKey) -> Self {
        let state = State {
            stream: 0,
            up: false,
            sender: None,
            outbox: Outbox::default(),
            last_seat: 0,
            last_request: 0,
            seats: HashMap::new(),
            channels: HashMap::new(),
            requests: HashMap::new(),
        };
        Self { shared: Arc::new(Shared { key, state: Mutex::new(state) }) }
    }

    /// Takes a seat; the answer comes to the inbox.
    pub(super) fn attach(&self, attach: Attach, inbox: &Inbox, key: SeatKey) -> Attachment {
        inbox.open(key);
        let mut state = self.lock();
        state.last_seat += 1;
        let id = state.last_seat;
        let seat = Seat {
            attach,
            inbox: inbox.clone(),
            key,
            channel: None,
            answered: false,
            away: Instant::now(),
            requests: 0,
        };
        state.seats.insert(id, seat);
        if state.up {
            state.outbox.attach(id);
            state.wake();
        }
        Attachment::new(self.clone(), id)
    }

    pub(super) fn input(
        &self,
        seat: SeatId,
        known: Option<ChannelId>,
        offset: Option<Offset>,
        data: Bytes,
    ) -> Typed {
        let mut state = self.lock();
        let Some(channel) = state.known_channel(seat, known) else { return Typed::Away };
        if state.outbox.input(channel, offset, data).is_err() {
            return Typed::Full;
        }
        state.wake();
        Typed::Sent
    }

    pub(super) fn ack(&self, seat: SeatId, known: Option<ChannelId>, offset: Offset) {
        let mut state = self.lock();
        if let Some(channel) = state.known_channel(seat, known) {
            state.outbox.ack(channel, offset);
            state.wake();
        }
    }

    pub(super) fn resize(&self, seat: SeatId, size: Size) {
        let mut state = self.lock();
        if let Some(seat) = state.seats.get_mut(&seat) {
            // Whatever asks again for this seat asks with its present size.
            seat.attach.size = Some(size);
        }
        if let Some(channel) = state.channel(seat) {
            state.outbox.resize(channel, size);
            state.wake();
        }
    }

    pub(super) fn control(
        &self,
        seat: SeatId,
        known: Option<ChannelId>,
        token: Token,
        action: Action,
    ) -> Result<(), Refusal> {
        self.request(seat, known, Pending::Control(seat, token), |request, channel| {
            let action = pb::Action::from(action).into();
            Frame::Control(pb::Control { request, channel, action })
        })
    }

    pub(super) fn sync(
        &self,
        seat: SeatId,
        known: Option<ChannelId>,
        token: Token,
        offset: Option<Offset>,
    ) -> Result<(), Refusal> {
        self.request(seat, known, Pending::Sync(seat, token), |request, channel| {
            Frame::Sync(pb::Sync { request, channel, offset: offset.map(Offset::get) })
        })
    }

    fn request(
        &self,
        seat: SeatId,
        known: Option<ChannelId>,
        pending: Pending,
        frame: impl FnOnce(u64, u64) -> Frame,
    ) -> Result<(), Refusal> {
        let mut state = self.lock();
        let Some(channel) = state.known_channel(seat, known) else {
            return Err(Code::ConnectionFailed.into());
        };
        let Some(seat) = state.seats.get_mut(&seat) else { return Err(Code::SessionEnded.into()) };
        if seat.requests >= SEAT_REQUESTS {
            let text = format!("more than {SEAT_REQUESTS} requests of this channel are unanswered");
            return Err(Refusal::new(Code::RateLimited, text));
        }
        seat.requests += 1;
        let request = state.ask(pending);
        state.outbox.request(frame(request, channel));
        state.wake();
        Ok(())
    }

    /// Gives a seat up. One that is gone already stays so.
    pub(super) fn detach(&self, seat: SeatId, lost: bool) {
        let mut state = self.lock();
        let Some(gone) = state.seats.remove(&seat) else { return };
        gone.inbox.close(gone.key);
        if let Some(channel) = gone.channel {
            state.channels.remove(&channel);
            state.outbox.detach(channel, lost);
            state.wake();
        }
        state.abandon(seat, lost);
    }

    /// A new stream begins, and answers its number: frames for its predecessors end here.
    fn begin(&self) -> u64 {
        let mut state = self.lock();
        state.stream += 1;
        state.wake();
        state.stream
    }

    /// The worker has taken the stream: every seat is asked for on it.
    fn stands(&self) {
        let mut state = self.lock();
        state.up = true;
        let State { seats, outbox, .. } = &mut *state;
        for seat in seats.keys() {
            outbox.attach(*seat);
        }
        state.wake();
    }

    /// The stream is gone, and what was on its way with it.
    fn broken(&self) {
        let mut state = self.lock();
        state.up = false;
        state.outbox.clear();
        state.channels.clear();
        let requests = std::mem::take(&mut state.requests);
        for pending in requests.into_values() {
            if let Pending::Sync(seat, token) | Pending::Control(seat, token) = pending {
                state.answer(seat, Delivery::Refused(token, Code::ConnectionFailed.into()));
            }
        }
        for seat in state.seats.values_mut() {
            seat.requests = 0;
            if seat.channel.take().is_some() {
                seat.away = Instant::now();
            }
        }
    }

    /// Gives up on seats that were without a channel for too long.
    fn sweep(&self, now: Instant) {
        let mut state = self.lock();
        let late: Vec<_> = state
            .seats
            .iter()
            .filter(|(_, seat)| seat.channel.is_none() && now >= seat.away + seat.patience())
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let Some(seat) = state.seats.remove(&id) else { continue };
            state.abandon(id, true);
            let code = if state.up { Code::ConnectionTimeout } else { Code::ConnectionFailed };
            seat.dismiss(code.into());
        }
    }

    /// Nothing is attached and nothing waits.
    fn is_idle(&self) -> bool {
        let state = self.lock();
        state.seats.is_empty() && state.outbox.is_empty()
    }

    fn beat(&self) {
        let mut state = self.lock();
        state.outbox.beat(clock::now_ms());
        state.wake();
    }

    /// The next frame of this stream; none when another one has taken its place.
    fn poll_frame(&self, stream: u64, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        let mut state = self.lock();
        if state.stream != stream {
            return Poll::Ready(None);
        }
        while let Some(next) = state.outbox.pop() {
            let frame = match next {
                Next::Frame(frame) => Some(frame),
                Next::Attach(seat) => state.attach_frame(seat, &self.shared.key),
            };
            if frame.is_some() {
                return Poll::Ready(frame);
            }
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything that could panic.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    fn channel(&self, seat: SeatId) -> Option<u64> {
        self.seats.get(&seat)?.channel
    }

    /// The seat's channel, if it is the one that its socket knows of.
    fn known_channel(&self, seat: SeatId, known: Option<ChannelId>) -> Option<u64> {
        self.channel(seat).filter(|channel| known == Some(ChannelId::new(*channel)))
    }

    fn ask(&mut self, pending: Pending) -> u64 {
        self.last_request += 1;
        self.requests.insert(self.last_request, pending);
        self.last_request
    }

    /// The frame that asks for a seat, from where its socket stands now.
    fn attach_frame(&mut self, id: SeatId, key: &CapabilityKey) -> Option<Frame> {
        let seat = self.seats.get(&id)?;
        let resume: Option<(Epoch, Offset)> = match seat.inbox.rewind(seat.key)? {
            Position::Start => seat.attach.resume,
            Position::NoScreen => None,
            Position::At(epoch, offset) => Some((epoch, offset)),
        };
        let Attach { session, actor, .. } = &seat.attach;
        let Ok(capability) = key.mint(session, actor, clock::now_unix()) else {
            tracing::error!("a capability could not be signed");
            if let Some(seat) = self.seats.remove(&id) {
                seat.dismiss(Code::InternalError.into());
            }
            return None;
        };
        let request = self.last_request + 1;
        let frame = Frame::Attach(seat.attach.to_frame(request, resume, capability));
        self.ask(Pending::Attach(id));
        Some(frame)
    }

    /// An answer to a request of a seat.
    fn answer(&mut self, seat: SeatId, delivery: Delivery) {
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.requests = seat.requests.saturating_sub(1);
        }
        self.deliver(seat, delivery);
    }

    /// Hands something to a seat's socket. A worker that overfills it loses the attachment.
    fn deliver(&mut self, id: SeatId, delivery: Delivery) {
        let Some(seat) = self.seats.get(&id) else { return };
        if seat.inbox.push(seat.key, delivery).is_ok() {
            return;
        }
        tracing::warn!(session = %seat.attach.session, "the worker sent more than its credit");
        let Some(seat) = self.seats.remove(&id) else { return };
        if let Some(channel) = seat.channel {
            self.channels.remove(&channel);
            self.outbox.detach(channel, true);
            self.wake();
        }
        seat.dismiss(Code::SlowConsumer.into());
    }

    fn abandon(&mut self, seat: SeatId, lost: bool) {
        for pending in self.requests.values_mut() {
            if matches!(pending, Pending::Attach(waiting) if *waiting == seat) {
                *pending = Pending::Abandoned { lost };
            }
        }
    }
}

impl Seat {
    fn patience(&self) -> Duration {
        if self.answered { AWAY_TIME } else { ANSWER_TIME }
    }

    /// Tells the socket that the seat is gone: refused, if it was never taken.
    fn dismiss(self, refusal: Refusal) {
        let told = if self.answered {
            let Refusal { code, text: reason, .. } = refusal;
            Delivery::Detached(Ending { code: Some(code), reason, exit_code: None, signal: None })
        } else {
            Delivery::AttachRefused(refusal)
        };
        // An end always has room.
        let _ = self.inbox.push(self.key, told);
    }
}
