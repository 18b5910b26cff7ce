//! What can happen to a socket, and waiting for the next of it.

use std::sync::Arc;

use termfleet_proto::rest::measures::SessionMeasures;
use tokio::time::Instant;

use super::{
    Connection,
    close::Closing,
    errand::Done,
    reader::{Heard, Incoming},
    voice::Voice,
    watch::Notice,
};
use crate::{
    upstream::SeatKey,
    ws::{Ended, Message, WriteError},
};

/// Something happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The client said something, or its last.
    Heard(Heard),
    /// Something came for it.
    Delivered,
    /// A batch has left, or nothing leaves any more.
    Flushed(Result<(), WriteError>),
    /// An errand is done.
    Done(Done),
    /// Something happened in a watched project, or in one that is followed.
    Noticed(Notice),
    /// The session of a seat was measured.
    Measured(SeatKey, Arc<SessionMeasures>),
    /// A deadline has passed.
    Tick,
    /// The gateway drains.
    Draining,
    /// Another socket has this one's place.
    Replaced,
}

impl Connection {
    /// Waits for the next event. Every arm is cancel-safe.
    pub(super) async fn next_event(&mut self, incoming: &mut Incoming) -> Event {
        let next = self.seats.next_held().into_iter().fold(self.heartbeat.next(), Instant::min);
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
        let drain = async {
            match &mut self.drain {
                Some(drain) => drain.await,
                None => std::future::pending().await,
            }
        };
        let replaced = async {
            match &self.place {
                Some(place) => place.replaced().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            heard = incoming.next(), if self.errands.has_room() && !self.signing_in => {
                // The reading task ends after its last word, which has ended the loop.
                let lost = || Heard::Ended(Ended::Lost(std::io::ErrorKind::UnexpectedEof.into()));
                Event::Heard(heard.unwrap_or_else(lost))
            }
            () = self.inbox.filled(), if self.outgoing.has_room() => Event::Delivered,
            flushed = self.outgoing.flush() => Event::Flushed(flushed),
            Some(done) = self.errands.next(), if !self.errands.is_empty() => Event::Done(done),
            Some(notice) = self.watches.next(), if !self.watches.is_empty() => {
                Event::Noticed(notice)
            }
            Some(place) = self.followed.next(), if !self.followed.is_empty() => {
                Event::Noticed(Notice::Followed(place))
            }
            // The newest wait until there is room: a slow client misses those in between.
            Some((seat, measures)) = self.measures.next(),
                if !self.measures.is_empty() && self.outgoing.has_room() =>
            {
                Event::Measured(seat, measures)
            }
            () = self.timer.as_mut() => Event::Tick,
            () = drain => Event::Draining,
            () = replaced => Event::Replaced,
        }
    }

    /// Something was heard: whatever it is, it is a sign of life.
    pub(super) fn heard(&mut self, heard: Heard) -> Result<(), Closing> {
        self.heartbeat.heard(Instant::now());
        let message = match heard {
            Heard::Message(message) => message,
            Heard::Ended(ended) => return Err(ended.into()),
        };
        self.edge.metrics.received.inc_by(message.len() as u64);
        match message {
            Message::Text(text) if matches!(self.voice, Voice::Questions) => {
                self.heard_question(&text)
            }
            Message::Text(text) if self.voice.is_text() => self.heard_text(&text),
            Message::Text(text) => self.heard_request(&text),
            Message::Binary(frame) => self.heard_frame(&frame),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(close) => Err(close.into()),
        }
    }

    /// A batch has left: workers are told on behalf of clients that do not tell themselves.
    pub(super) fn flushed(&mut self, flushed: Result<(), WriteError>) -> Result<(), Closing> {
        flushed?;
        while let Some((key, offset)) = self.outgoing.left() {
            if let Some(attachment) = self.seats.get(key).and_then(|seat| seat.attachment.as_ref())
            {
                attachment.ack(offset);
            }
        }
        Ok(())
    }
}
