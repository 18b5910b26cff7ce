//! The binary frames of `termfleet.v1` that a client sends: input and acknowledgements.

use bytes::Bytes;
use termfleet_proto::ws::frame::ClientFrame;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, Offset},
    role::Operation,
};
use tokio::time::Instant;

use super::{Connection, canonical::bad, close::Closing, seats::Channel, tell::About};
use crate::{upstream::SeatKey, ws::CloseCode};

impl Connection {
    /// A binary message came.
    pub(super) fn heard_frame(&mut self, frame: &Bytes) -> Result<(), Closing> {
        if self.voice.is_text() {
            return Err(Closing::new(CloseCode::UNSUPPORTED, "this dialect is text only"));
        }
        if !self.greeted {
            return Err(Code::Unauthorized.into());
        }
        match ClientFrame::decode(frame) {
            Ok(ClientFrame::Input { channel, offset, data }) => self.input(channel, offset, data),
            Ok(ClientFrame::Ack { channel, offset }) => self.ack(channel, offset),
            Err(_) => self.refuse(About::default(), &bad("the frame is not valid")),
        }
    }

    fn input(&mut self, channel: ChannelId, offset: Offset, data: Bytes) -> Result<(), Closing> {
        match self.seats.channel(channel) {
            Channel::Seat(key) => self.type_into(key, Some(offset), data),
            Channel::Ended => Ok(()),
            Channel::Unknown => self.no_channel(channel),
        }
    }

    /// Input for a seat: judged by role and size here, by lane and driver at the worker.
    pub(super) fn type_into(
        &mut self,
        key: SeatKey,
        offset: Option<Offset>,
        data: Bytes,
    ) -> Result<(), Closing> {
        let most = self.edge.config.limits.input_message_bytes;
        if data.len() > most {
            let text = format!("input is at most {most} bytes a message");
            let about = self.about(key, None);
            return self.refuse(about, &Refusal::new(Code::MessageTooLarge, text));
        }
        if let Err(refusal) = self.may(Operation::Write) {
            return self.forbid_input(key, &refusal);
        }
        let now = Instant::now();
        let due = now + self.limits.input(key, data.len());
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        if seat.typing.push(due, offset, data).is_err() {
            let refusal = Refusal::from(Code::InputWindowExceeded);
            let refusal = match offset {
                Some(offset) => refusal.current(offset.get()),
                None => refusal,
            };
            let about = self.about(key, None);
            return self.refuse(about, &refusal);
        }
        self.release(key, now);
        Ok(())
    }

    /// Says once that somebody may not type here.
    fn forbid_input(&mut self, key: SeatKey, refusal: &Refusal) -> Result<(), Closing> {
        let told =
            self.seats.get(key).map(|seat| std::mem::replace(&mut seat.told_forbidden, true));
        if told.unwrap_or(true) {
            return Ok(());
        }
        let about = self.about(key, None);
        self.refuse(about, refusal)
    }

    fn ack(&mut self, channel: ChannelId, offset: Offset) -> Result<(), Closing> {
        let key = match self.seats.channel(channel) {
            Channel::Seat(key) => key,
            Channel::Ended => return Ok(()),
            Channel::Unknown => return self.no_channel(channel),
        };
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        if offset > seat.sent_most {
            return Err(Closing::new(CloseCode::POLICY, "acknowledged what was never sent"));
        }
        let moved = offset.since(seat.acked);
        if let Err(refusal) = self.limits.ack(key, moved) {
            let about = About { channel: Some(channel), ..About::default() };
            return self.refuse(about, &refusal);
        }
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        // What was acknowledged before the client went back with `sync` is sent again after it.
        if offset > seat.sent || seat.is_syncing() {
            return Ok(());
        }
        seat.acked = seat.acked.max(offset);
        if let Some(attachment) = &seat.attachment {
            attachment.ack(offset);
        }
        Ok(())
    }

    fn no_channel(&mut self, channel: ChannelId) -> Result<(), Closing> {
        let about = About { channel: Some(channel), ..About::default() };
        self.refuse(about, &bad("there is no such channel"))
    }
}
