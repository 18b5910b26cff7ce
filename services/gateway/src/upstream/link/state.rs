//! What a link knows of its seats, and the steps that several of its files take.

use std::{collections::HashMap, task::Waker, time::Duration};

use termfleet_proto::worker_v1::gateway_frame::Frame;
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, Epoch, Offset},
};
use termfleet_token::CapabilityKey;
use tokio::time::Instant;

use super::SeatId;
use crate::upstream::{
    attach::Attach,
    inbox::{Delivery, Ending, Inbox, SeatKey, Token},
    outbox::Outbox,
    queue::Position,
};

/// How long the first answer to an attachment may take: a link is known to be broken after 3 s of
/// silence, and what has not recovered after 5 s its client should hear of.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long a seat whose link broke waits for another one: a worker's restart takes a second or
/// two, and the client learns after this that it should look for itself.
pub(super) const AWAY_TIME: Duration = Duration::from_secs(10);

/// Everything under a link's lock.
#[derive(Debug)]
pub(super) struct State {
    /// Which stream this is: an older one that is still being torn down gets nothing more.
    pub(super) stream: u64,
    /// The worker has taken the stream.
    pub(super) up: bool,
    /// Whoever sends for the present stream, while nothing waits for it.
    pub(super) sender: Option<Waker>,
    pub(super) outbox: Outbox,
    pub(super) last_seat: SeatId,
    pub(super) last_request: u64,
    pub(super) seats: HashMap<SeatId, Seat>,
    pub(super) channels: HashMap<u64, SeatId>,
    pub(super) requests: HashMap<u64, Pending>,
}

/// One attachment over its whole life.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) attach: Attach,
    pub(super) inbox: Inbox,
    pub(super) key: SeatKey,
    pub(super) channel: Option<u64>,
    /// The worker has answered once.
    pub(super) answered: bool,
    /// Since when there is no channel, …
    pub(super) away: Instant,
    /// … and how many streams have failed since.
    pub(super) attempts: u32,
    /// Requests that wait for an answer.
    pub(super) requests: usize,
}

/// A request that the worker has not answered.
#[derive(Debug)]
pub(super) enum Pending {
    Attach(SeatId),
    /// Nobody wants the attachment any more.
    Abandoned {
        lost: bool,
    },
    Sync(SeatId, Token),
    Control(SeatId, Token),
}

impl State {
    pub(super) fn wake(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    pub(super) fn channel(&self, seat: SeatId) -> Option<u64> {
        self.seats.get(&seat)?.channel
    }

    /// The seat's channel, if it is the one that its socket knows of.
    pub(super) fn known_channel(&self, seat: SeatId, known: Option<ChannelId>) -> Option<u64> {
        self.channel(seat).filter(|channel| known == Some(ChannelId::new(*channel)))
    }

    pub(super) fn ask(&mut self, pending: Pending) -> u64 {
        self.last_request += 1;
        self.requests.insert(self.last_request, pending);
        self.last_request
    }

    /// The frame that asks for a seat, from where its socket stands now.
    pub(super) fn attach_frame(&mut self, id: SeatId, key: &CapabilityKey) -> Option<Frame> {
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
    pub(super) fn answer(&mut self, seat: SeatId, delivery: Delivery) {
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.requests = seat.requests.saturating_sub(1);
        }
        self.deliver(seat, delivery);
    }

    /// Hands something to a seat's socket. An overfull inbox ends the attachment: its client asks for
    /// more (snapshots, say) than it reads, or the worker sends more than its credit.
    pub(super) fn deliver(&mut self, id: SeatId, delivery: Delivery) {
        let Some(seat) = self.seats.get(&id) else { return };
        if seat.inbox.push(seat.key, delivery).is_ok() {
            return;
        }
        tracing::debug!(session = %seat.attach.session, "an inbox is full: its attachment ends");
        let Some(seat) = self.seats.remove(&id) else { return };
        if let Some(channel) = seat.channel {
            self.channels.remove(&channel);
            self.outbox.detach(channel, true);
            self.wake();
        }
        seat.dismiss(Code::SlowConsumer.into());
    }

    pub(super) fn abandon(&mut self, seat: SeatId, lost: bool) {
        for pending in self.requests.values_mut() {
            if matches!(pending, Pending::Attach(waiting) if *waiting == seat) {
                *pending = Pending::Abandoned { lost };
            }
        }
    }
}

impl Seat {
    pub(super) fn patience(&self) -> Duration {
        if self.answered { AWAY_TIME } else { ANSWER_TIME }
    }

    /// Tells the socket that the seat is gone: refused, if it was never taken.
    pub(super) fn dismiss(self, refusal: Refusal) {
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
