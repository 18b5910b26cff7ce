//! What comes from workers, in the words and frames of the client.

use bytes::Bytes;
use termfleet_proto::ws::{
    deflate::deflate,
    frame::{Reason, ServerFrame},
    text::{PathStatus, Tell},
    v1::{Attached, EventKind, ServerMessage},
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::Offset,
};

use super::{
    Connection,
    close::Closing,
    seats::{Pending, Seat},
};
use crate::{
    upstream::{Answers, Delivery, Ending, SeatKey, Snapshot, Token},
    ws::CloseCode,
};

impl Connection {
    /// Takes a delivery in.
    pub(super) fn deliver(&mut self, key: SeatKey, delivery: Delivery) -> Result<(), Closing> {
        match delivery {
            Delivery::Attached(attached, Answers::Attach) => self.attached(key, *attached),
            Delivery::Away { attempts } => {
                self.say_path(key, PathStatus::Disconnected, None, Some(attempts))
            }
            Delivery::Attached(attached, Answers::Sync(token)) => {
                self.synced(key, *attached, token)
            }
            Delivery::AttachRefused(refusal) => self.unseat(key, &refusal),
            Delivery::Output { offset, data } => self.output(key, offset, data),
            Delivery::Snapshot(snapshot) => self.snapshot(key, snapshot),
            Delivery::InputAck { offset, echo } => self.input_ack(key, offset, echo),
            Delivery::Event(event) => self.event(key, event),
            Delivery::InputRefused(refusal) => self.input_refused(key, &refusal),
            Delivery::Refused(token, refusal) => self.request_refused(key, token, &refusal),
            Delivery::Done(token, action) => {
                match (self.pending(key, token), self.channel_of(key)) {
                    (Some(Pending::Control(id)), Some(channel)) => {
                        self.tell(id, None, ServerMessage::Done { channel, action })
                    }
                    (Some(Pending::Question), _) => self.question_done(key),
                    _ => Ok(()),
                }
            }
            Delivery::Detached(ending) => self.ended(key, ending),
        }
    }

    fn attached(&mut self, key: SeatKey, attached: Attached) -> Result<(), Closing> {
        let Some((channel, replaces)) = self.seats.number(key) else { return Ok(()) };
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        if let Some(attachment) = &mut seat.attachment {
            attachment.stands_on(attached.channel);
        }
        self.edge.metrics.attached(attached.reason);
        let id = seat.request.take();
        let lost: Vec<_> = seat.pending.drain().map(|(_, pending)| pending).collect();
        note_attached(seat, &attached);
        seat.sent = attached.offset;
        (seat.sent_most, seat.acked) = (attached.offset, attached.offset);
        let known = seat.epoch.replace(attached.epoch);
        let same_shell = known.is_none_or(|epoch| epoch == attached.epoch);
        seat.typing.starts_at(attached.next_input_offset, same_shell);
        let name = seat.name.clone();
        for pending in lost {
            self.answer_lost(key, pending)?;
        }
        let attached = Attached { channel, replaces, ..attached };
        self.refuse_bad_offset(key, &attached)?;
        self.tell(id, Some(&name), ServerMessage::Attached(attached))?;
        if let Some((offset, echo)) = self.seats.get(key).and_then(|seat| seat.early_ack.take()) {
            self.input_ack(key, offset, echo)?;
        }
        self.say_path(key, PathStatus::Connected, None, None)?;
        self.ask_waiting(key)?;
        self.question_seated(key)?;
        self.measure(key)?;
        self.release(key, tokio::time::Instant::now());
        Ok(())
    }

    fn synced(&mut self, key: SeatKey, attached: Attached, token: Token) -> Result<(), Closing> {
        let Some(Pending::Sync(id)) = self.pending(key, token) else { return Ok(()) };
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        let Some(channel) = seat.channel else { return Ok(()) };
        note_attached(seat, &attached);
        seat.sent_to(attached.offset);
        seat.acked = attached.offset;
        let attached = Attached { channel, replaces: None, ..attached };
        self.refuse_bad_offset(key, &attached)?;
        self.tell(id, None, ServerMessage::Synced(attached))
    }

    /// A client that asked for an offset which does not exist hears of it before the snapshot. The
    /// request itself was answered by `attached`, so this error carries no request's id.
    fn refuse_bad_offset(&mut self, key: SeatKey, attached: &Attached) -> Result<(), Closing> {
        if attached.reason != Some(Reason::BadOffset) {
            return Ok(());
        }
        let about = self.about(key, None);
        self.refuse(about, &Refusal::from(Code::BadOffset).current(attached.head.get()))
    }

    fn output(&mut self, key: SeatKey, offset: Offset, data: Bytes) -> Result<(), Closing> {
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        let end = offset.plus(data.len() as u64);
        seat.sent_to(end);
        if end > seat.head {
            seat.printed_at = Some(tokio::time::Instant::now());
        }
        if let Some(screen) = &mut seat.screen {
            let text = screen.output(&data);
            return self.say_output(key, Some(&text), end);
        }
        let Some(channel) = seat.channel else { return Ok(()) };
        self.put(&ServerFrame::Output { channel, offset, data });
        Ok(())
    }

    fn snapshot(&mut self, key: SeatKey, snapshot: Snapshot) -> Result<(), Closing> {
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        if !snapshot.more {
            seat.sent_to(snapshot.offset);
        } else if let Some(attachment) = &seat.attachment {
            attachment.took_part();
        }
        if let Some(screen) = &mut seat.screen {
            let (offset, reason) = (snapshot.offset, snapshot.reason);
            let gap = !screen.is_gathering() && reason != Reason::NewClient;
            let text = screen.snapshot(&snapshot);
            if gap {
                self.say_gap(key, reason)?;
            }
            return self.say_output(key, text.as_deref(), offset);
        }
        let Some(channel) = seat.channel else { return Ok(()) };
        let Snapshot { epoch, offset, size, reason, more, data } = snapshot;
        self.put(&ServerFrame::Snapshot { channel, epoch, offset, size, reason, more, data });
        Ok(())
    }

    /// Only a thin pipe is worth the time that compressing takes.
    fn put(&mut self, frame: &ServerFrame) {
        let worth_it = self.takes_deflated && self.outgoing.is_thin();
        let deflated = worth_it.then(|| deflate(frame)).flatten();
        let (header, bytes) = deflated.unwrap_or_else(|| (frame.header(), frame.payload()));
        self.outgoing.put_frame(&header, bytes);
    }

    /// Says output as text. The message that the session's gap may have needed waits in front.
    fn say_output(&mut self, key: SeatKey, text: Option<&str>, end: Offset) -> Result<(), Closing> {
        let Some(text) = text else { return Ok(()) };
        while self.outgoing.put_message() {}
        let named = self.seats.look(key).map(Seat::named).unwrap_or_default();
        if let Some(message) = self.voice.text(named, Tell::Output(text)) {
            self.outgoing.put_output(&message, key, end);
        }
        Ok(())
    }

    fn say_gap(&mut self, key: SeatKey, reason: Reason) -> Result<(), Closing> {
        let reason = reason_name(reason);
        self.say_path(key, PathStatus::Connected, Some(reason), None)?;
        let Some(seat) = self.seats.look(key) else { return Ok(()) };
        match self.voice.text(seat.named(), Tell::Gap { status: &seat.status, reason }) {
            Some(message) => self.outgoing.say(message),
            None => Ok(()),
        }
    }

    fn input_ack(&mut self, key: SeatKey, offset: Offset, echo: Offset) -> Result<(), Closing> {
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        seat.typing.written(offset);
        match seat.channel {
            Some(channel) if !self.voice.is_text() => {
                self.put(&ServerFrame::InputAck { channel, offset, echo });
            }
            Some(_) => {}
            None => seat.early_ack = Some((offset, echo)),
        }
        self.release(key, tokio::time::Instant::now());
        self.question_written(key)
    }

    fn input_refused(&mut self, key: SeatKey, refusal: &Refusal) -> Result<(), Closing> {
        // An offset that does not exist was answered with the attachment itself.
        if refusal.code == Code::BadOffset {
            return Ok(());
        }
        if let Some(seat) = self.seats.get(key) {
            seat.typing.refused();
            seat.driver &= refusal.code != Code::TakenOver;
        }
        if self.question_refused(key, refusal)? {
            return Ok(());
        }
        let about = self.about(key, None);
        self.refuse(about, refusal)
    }

    fn request_refused(
        &mut self,
        key: SeatKey,
        token: Token,
        refusal: &Refusal,
    ) -> Result<(), Closing> {
        match self.pending(key, token) {
            Some(Pending::Sync(id) | Pending::Control(id)) => {
                let about = self.about(key, id);
                self.refuse(about, refusal)
            }
            Some(Pending::Take) => {
                if let Some(seat) = self.seats.get(key) {
                    seat.driver = false;
                }
                Ok(())
            }
            Some(Pending::Question) => self.question_refused(key, refusal).map(|_| ()),
            None => Ok(()),
        }
    }

    /// A request whose answer was lost with its link.
    fn answer_lost(&mut self, key: SeatKey, pending: Pending) -> Result<(), Closing> {
        match pending {
            Pending::Sync(id) | Pending::Control(id) => {
                let about = self.about(key, id);
                self.refuse(about, &Code::ConnectionFailed.into())
            }
            // Whoever finds its question on another channel answers it.
            Pending::Take | Pending::Question => Ok(()),
        }
    }

    fn event(&mut self, key: SeatKey, event: EventKind) -> Result<(), Closing> {
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        match &event {
            EventKind::Driver { driver, .. } => {
                seat.driver = *driver;
                seat.told_forbidden = false;
            }
            EventKind::Status { status, .. } => seat.status.clone_from(status),
            EventKind::Resized { .. }
            | EventKind::Exited { .. }
            | EventKind::Tier { .. }
            | EventKind::Bell
            | EventKind::Title { .. }
            | EventKind::Cwd { .. }
            | EventKind::Progress { .. }
            | EventKind::Notification { .. }
            | EventKind::CommandStarted
            | EventKind::CommandFinished { .. }
            | EventKind::Waiting { .. } => {}
        }
        let (channel, session_id, name) = (seat.channel, seat.session_id(), seat.name.clone());
        let exited = matches!(event, EventKind::Exited { .. });
        if exited && self.voice.is_text() {
            self.finish_text(key)?;
            self.say_path(key, PathStatus::Disconnected, Some("exited"), None)?;
        }
        self.tell(None, Some(&name), ServerMessage::Event { session_id, channel, event })?;
        if exited && self.voice.is_text() {
            return self.leave_ended(key);
        }
        Ok(())
    }

    /// A client of text has seen the end of its session: its seat is of no more use.
    fn leave_ended(&mut self, key: SeatKey) -> Result<(), Closing> {
        if let Some(attachment) = self.forget(key).and_then(|seat| seat.attachment) {
            attachment.leave();
        }
        self.question_lost(key, &Code::SessionEnded.into())?;
        if self.path.is_some() {
            return self.after_question(Code::SessionEnded.into());
        }
        Ok(())
    }

    /// What is left of a session's output when nothing more comes.
    fn finish_text(&mut self, key: SeatKey) -> Result<(), Closing> {
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        let end = seat.sent;
        let text = seat.screen.as_mut().and_then(super::screen::Screen::finish);
        self.say_output(key, text.as_deref(), end)
    }

    fn ended(&mut self, key: SeatKey, ending: Ending) -> Result<(), Closing> {
        self.finish_text(key)?;
        let Ending { code, reason, exit_code, signal } = ending;
        self.say_path(key, status_at_end(code), Some(&reason), None)?;
        let Some(seat) = self.forget(key) else { return Ok(()) };
        if let Some(channel) = seat.channel {
            let session_id = seat.session_id();
            let detached = ServerMessage::Detached {
                channel,
                session_id,
                code,
                reason: reason.clone(),
                exit_code,
                signal,
            };
            self.tell(None, Some(&seat.name), detached)?;
        }
        self.question_lost(key, &code.unwrap_or(Code::SessionEnded).into())?;
        if self.path.is_none() {
            return Ok(());
        }
        let code = code.map_or(CloseCode::SESSION_ENDED, CloseCode::from);
        self.after_question(Closing::new(code, reason))
    }

    fn pending(&mut self, key: SeatKey, token: Token) -> Option<Pending> {
        self.seats.get(key)?.pending.remove(&token)
    }

    fn channel_of(&mut self, key: SeatKey) -> Option<termfleet_session::ids::ChannelId> {
        self.seats.get(key)?.channel
    }
}

fn note_attached(seat: &mut Seat, attached: &Attached) {
    seat.driver = attached.driver;
    seat.head = attached.head;
    seat.status.clone_from(&attached.status);
    seat.told_forbidden = false;
}

/// Did the session end, or was only the way to it lost?
fn status_at_end(code: Option<Code>) -> PathStatus {
    let ended = [Code::SessionEnded, Code::ProcessKilled, Code::TakenOver];
    match code {
        Some(code) if !ended.contains(&code) => PathStatus::Error,
        Some(_) | None => PathStatus::Disconnected,
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::NewClient => "new_client",
        Reason::Trimmed => "trimmed",
        Reason::NewEpoch => "new_epoch",
        Reason::Lagging => "lagging",
        Reason::Interrupted => "interrupted",
        Reason::Resized => "resized",
        Reason::Asked => "asked",
        Reason::BadOffset => "bad_offset",
    }
}
