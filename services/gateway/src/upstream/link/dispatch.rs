//! What a worker's frames mean for the seats of its link.
//!
//! A frame for a channel that is not known belongs to an attachment that ended: it is dropped.

use termfleet_proto::{
    convert::{Malformed, reason_from_pb},
    worker_v1::{self as pb, event::Kind, worker_frame::Frame},
    ws::{
        frame::Reason,
        v1::{Action, Attached, EventKind, Tier},
    },
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, Offset},
    limits::Size,
};

use super::{
    super::inbox::{Answers, Delivery, Ending, Snapshot},
    Link, Pending, SeatId, State,
};

impl Link {
    /// Takes a frame in.
    ///
    /// # Errors
    /// [`Malformed`] if it means nothing; the stream cannot be trusted then.
    pub(super) fn dispatch(&self, frame: pb::WorkerFrame) -> Result<(), Malformed> {
        // A frame of a kind that this build does not know is a newer worker's: it is ignored.
        let Some(frame) = frame.frame else { return Ok(()) };
        let mut state = self.lock();
        match frame {
            Frame::Attached(attached) => state.attached(attached),
            Frame::Refused(refused) => state.refused(refused),
            Frame::Output(output) => {
                let pb::Output { channel, offset, data } = output;
                state.deliver_on(channel, Delivery::Output { offset: Offset::new(offset), data })
            }
            Frame::Snapshot(snapshot) => state.snapshot(snapshot),
            Frame::InputAck(ack) => {
                let pb::InputAck { channel, offset, echo_offset } = ack;
                let (offset, echo) = (Offset::new(offset), Offset::new(echo_offset));
                state.deliver_on(channel, Delivery::InputAck { offset, echo })
            }
            Frame::Event(event) => state.event(event),
            Frame::Detached(detached) => state.detached(detached),
            Frame::Beat(_) => Ok(()),
            Frame::Done(done) => state.done(done),
        }
    }
}

impl State {
    fn attached(&mut self, frame: pb::Attached) -> Result<(), Malformed> {
        let (request, replaces, channel) = (frame.request, frame.replaces, frame.channel);
        let attached = Attached::try_from(frame)?;
        let pending = request.and_then(|request| self.requests.remove(&request));
        match (pending, replaces.and_then(|old| self.channels.remove(&old))) {
            (Some(Pending::Sync(seat, token)), _) => {
                self.answer(seat, Delivery::Attached(Box::new(attached), Answers::Sync(token)));
            }
            (Some(Pending::Attach(seat)), _) | (None, Some(seat)) => {
                if let Some(old) = replaces {
                    self.outbox.forget(old);
                }
                self.seated(seat, channel, attached);
            }
            (Some(Pending::Abandoned { lost }), _) => self.turn_away(channel, lost),
            // Nobody asked, or the seat that it replaces has been given up.
            (None | Some(Pending::Control(..)), _) => self.turn_away(channel, true),
        }
        Ok(())
    }

    fn seated(&mut self, id: SeatId, channel: u64, attached: Attached) {
        let Some(seat) = self.seats.get_mut(&id) else { return self.turn_away(channel, true) };
        seat.channel = Some(channel);
        seat.answered = true;
        let tier = seat.attach.tier;
        if attached.tier != tier {
            // It was changed while the answer was on its way.
            self.outbox.tier(channel, tier);
            self.wake();
        }
        self.channels.insert(channel, id);
        self.deliver(id, Delivery::Attached(Box::new(attached), Answers::Attach));
    }

    fn turn_away(&mut self, channel: u64, lost: bool) {
        self.outbox.detach(channel, lost);
        self.wake();
    }

    fn refused(&mut self, frame: pb::Refused) -> Result<(), Malformed> {
        let pb::Refused { request, channel, refusal } = frame;
        let refusal = Refusal::from(refusal.ok_or(Malformed { field: "refused.refusal" })?);
        let Some(request) = request else {
            let channel = channel.ok_or(Malformed { field: "refused.channel" })?;
            return self.deliver_on(channel, Delivery::InputRefused(refusal));
        };
        match self.requests.remove(&request) {
            Some(Pending::Attach(id)) => {
                let Some(seat) = self.seats.remove(&id) else { return Ok(()) };
                seat.dismiss(refusal);
            }
            Some(Pending::Sync(seat, token) | Pending::Control(seat, token)) => {
                self.answer(seat, Delivery::Refused(token, refusal));
            }
            Some(Pending::Abandoned { .. }) | None => {}
        }
        Ok(())
    }

    fn snapshot(&mut self, frame: pb::Snapshot) -> Result<(), Malformed> {
        let pb::Snapshot { channel, epoch, offset, size, reason, more, data } = frame;
        let size = Size::try_from(size.ok_or(Malformed { field: "snapshot.size" })?)?;
        let snapshot = Snapshot {
            epoch: Epoch::new(epoch),
            offset: Offset::new(offset),
            size,
            reason: reason_from_pb(reason).unwrap_or(Reason::Asked),
            more,
            data,
        };
        self.deliver_on(channel, Delivery::Snapshot(snapshot))
    }

    fn event(&mut self, frame: pb::Event) -> Result<(), Malformed> {
        let pb::Event { channel, kind } = frame;
        // An event of a kind that this build does not know is a newer worker's: it is ignored.
        let Some(kind) = kind else { return Ok(()) };
        self.deliver_on(channel, Delivery::Event(event_kind(kind)?))
    }

    fn detached(&mut self, frame: pb::Detached) -> Result<(), Malformed> {
        let pb::Detached { channel, code, reason, exit_code, signal } = frame;
        self.outbox.forget(channel);
        let Some(seat) = self.channels.remove(&channel) else { return Ok(()) };
        let code = code.map(|number| {
            u16::try_from(number).ok().and_then(Code::from_number).unwrap_or(Code::InternalError)
        });
        self.deliver(seat, Delivery::Detached(Ending { code, reason, exit_code, signal }));
        self.seats.remove(&seat);
        Ok(())
    }

    fn done(&mut self, frame: pb::Done) -> Result<(), Malformed> {
        let pb::Done { request, channel: _, action } = frame;
        let action = pb::Action::try_from(action).map_err(|_| Malformed { field: "action" })?;
        let action = Action::try_from(action)?;
        if let Some(Pending::Control(seat, token)) = self.requests.remove(&request) {
            self.answer(seat, Delivery::Done(token, action));
        }
        Ok(())
    }

    fn deliver_on(&mut self, channel: u64, delivery: Delivery) -> Result<(), Malformed> {
        if let Some(seat) = self.channels.get(&channel) {
            self.deliver(*seat, delivery);
        }
        Ok(())
    }
}

fn event_kind(kind: Kind) -> Result<EventKind, Malformed> {
    Ok(match kind {
        Kind::Resized(pb::Resized { size, offset }) => {
            let size = Size::try_from(size.ok_or(Malformed { field: "resized.size" })?)?;
            EventKind::Resized { cols: size.cols, rows: size.rows, offset: Offset::new(offset) }
        }
        Kind::Driver(pb::DriverChanged { driver, taken }) => EventKind::Driver { driver, taken },
        Kind::Exited(pb::Exited { code, signal, offset }) => {
            EventKind::Exited { exit_code: code, signal, offset: Offset::new(offset) }
        }
        Kind::Status(pb::StatusChanged { status, previous, reason }) => {
            EventKind::Status { status, previous, reason }
        }
        Kind::Tier(pb::TierChanged { tier }) => {
            EventKind::Tier { tier: pb::Tier::try_from(tier).map_or(Tier::Live, Into::into) }
        }
        Kind::Bell(pb::Bell {}) => EventKind::Bell,
        Kind::Title(pb::Title { title }) => EventKind::Title { title },
        Kind::Cwd(pb::Cwd { path }) => EventKind::Cwd { path },
        Kind::Progress(pb::Progress { state, percent }) => EventKind::Progress { state, percent },
        Kind::Notification(pb::Notification { title, body }) => {
            EventKind::Notification { title, body }
        }
        Kind::CommandStarted(pb::CommandStarted {}) => EventKind::CommandStarted,
        Kind::CommandFinished(pb::CommandFinished { exit_code }) => {
            EventKind::CommandFinished { exit_code }
        }
        Kind::Waiting(pb::Waiting { hidden }) => EventKind::Waiting { hidden },
    })
}
