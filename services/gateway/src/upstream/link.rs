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
//! The state (`state`) is under one short lock, because sockets hand over input without waiting;
//! `run` keeps the stream alive, `dispatch` reads what the worker sends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use termfleet_proto::{
    worker_v1::{self as pb, gateway_frame::Frame},
    ws::v1::{Action, Tier},
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, Offset},
    limits::Size,
};
use termfleet_token::CapabilityKey;
use tokio::time::Instant;

use self::state::{Pending, Seat, State};
use super::{
    attach::{Attach, Attachment, Typed},
    inbox::{Delivery, Inbox, SEAT_REQUESTS, SeatKey, Token},
    outbox::{Next, Outbox},
};

mod dispatch;
pub(super) mod run;
mod state;

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
            attempts: 0,
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
        if let Some(channel) = state.known_channel(seat, known)
            && state.outbox.ack(channel, offset)
        {
            state.wake();
        }
    }

    pub(super) fn took_part(&self, seat: SeatId, known: Option<ChannelId>) {
        let mut state = self.lock();
        if let Some(channel) = state.known_channel(seat, known) {
            state.outbox.took_part(channel);
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

    pub(super) fn set_tier(&self, seat: SeatId, tier: Tier) {
        let mut state = self.lock();
        let Some(known) = state.seats.get_mut(&seat) else { return };
        // Whatever asks again for this seat asks for this tier.
        if std::mem::replace(&mut known.attach.tier, tier) == tier {
            return;
        }
        if let Some(channel) = known.channel {
            state.outbox.tier(channel, tier);
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
            match seat.channel.take() {
                Some(_) => (seat.away, seat.attempts) = (Instant::now(), 0),
                None => seat.attempts = seat.attempts.saturating_add(1),
            }
            if seat.answered {
                // It has a slot of its own, so there is always room for it.
                let _ = seat.inbox.push(seat.key, Delivery::Away { attempts: seat.attempts });
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
    pub(super) fn is_idle(&self) -> bool {
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

#[cfg(test)]
mod tests;
