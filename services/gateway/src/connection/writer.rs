//! What a socket is about to be sent: messages first, then bytes, in batches.
//!
//! Messages wait here in a queue that is bounded by bytes; bytes wait in the inbox, where they can
//! still be dropped or overtaken, until there is room in the batch. It also tells which bytes have
//! left, for dialects that do not acknowledge by themselves.

use std::collections::VecDeque;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use termfleet_session::ids::Offset;

use super::close::Closing;
use crate::{
    upstream::SeatKey,
    ws::{BATCH_BYTES, CloseCode, WriteError, Writer},
};

/// Messages that may wait for a client that does not read: lists of sessions are the largest, at
/// some 100 KiB for a project whose records are all full.
const MESSAGES_BYTES: usize = 512 << 10;

/// The writing side of a socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    writer: Writer,
    messages: VecDeque<String>,
    bytes: usize,
    /// Bytes given to the writer so far.
    given: u64,
    /// The same of all sockets.
    sent: Counter,
    /// Output of which the seat's worker is told when it has left.
    owed: VecDeque<Owed>,
}

/// All output of a seat before `offset` has left when this many bytes have.
#[derive(Debug, Clone, Copy)]
struct Owed {
    given: u64,
    seat: SeatKey,
    offset: Offset,
}

impl Outgoing {
    pub(super) fn new(writer: Writer, sent: Counter) -> Self {
        let (messages, owed) = (VecDeque::new(), VecDeque::new());
        Self { writer, messages, bytes: 0, given: 0, sent, owed }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// The socket's end, if its client lets too much of them wait.
    pub(super) fn say(&mut self, text: String) -> Result<(), Closing> {
        self.bytes += text.len();
        self.messages.push_back(text);
        if self.bytes > MESSAGES_BYTES {
            return Err(Closing::new(CloseCode::SLOW, "too many messages wait to be read"));
        }
        Ok(())
    }

    /// May more be put into the batch?
    pub(super) fn has_room(&self) -> bool {
        self.writer.queued() < BATCH_BYTES
    }

    /// Is what waits here waiting for a thin pipe?
    pub(super) fn is_thin(&self) -> bool {
        self.writer.is_thin()
    }

    /// Puts the next message into the batch. False: there is none.
    pub(super) fn put_message(&mut self) -> bool {
        let Some(text) = self.messages.pop_front() else { return false };
        self.bytes -= text.len();
        self.counted(|writer| writer.queue_text(&text));
        true
    }

    /// Puts a binary frame into the batch.
    pub(super) fn put_frame(&mut self, head: &[u8], payload: Bytes) {
        self.counted(|writer| writer.queue_binary(head, payload));
    }

    /// Puts a text with output of a seat up to `offset` into the batch.
    pub(super) fn put_output(&mut self, text: &str, seat: SeatKey, offset: Offset) {
        self.counted(|writer| writer.queue_text(text));
        self.owed.push_back(Owed { given: self.given, seat, offset });
    }

    /// Puts a ping into the batch.
    pub(super) fn put_ping(&mut self) {
        self.counted(|writer| writer.queue_ping(&[]));
    }

    /// Output that has left since the last time, and that nobody has told its worker about.
    pub(super) fn left(&mut self) -> Option<(SeatKey, Offset)> {
        let left = self.given - (self.writer.queued() as u64).min(self.given);
        let owed = self.owed.front().filter(|owed| owed.given <= left).copied()?;
        self.owed.pop_front();
        Some((owed.seat, owed.offset))
    }

    /// Sends what is in the batch, or waits until a pong is due and sends that. Cancel-safe.
    ///
    /// # Errors
    /// If the client takes nothing any more.
    pub(super) async fn flush(&mut self) -> Result<(), WriteError> {
        if self.writer.queued() == 0 {
            self.writer.ping_heard().await;
        }
        self.writer.flush().await
    }

    /// Sends what is left and the close frame.
    pub(super) async fn finish(mut self, closing: &Closing) -> Result<(), WriteError> {
        let Some(code) = closing.code else {
            // Nobody reads a close frame without a code but a client that sent one itself.
            if closing.on_purpose {
                self.writer.queue_close(None, "");
            }
            return self.writer.finish().await;
        };
        while self.put_message() {}
        self.writer.queue_close(Some(code), &closing.reason);
        self.writer.finish().await
    }

    fn counted(&mut self, queue: impl FnOnce(&mut Writer)) {
        let before = self.writer.queued();
        queue(&mut self.writer);
        let more = (self.writer.queued() - before) as u64;
        self.given += more;
        self.sent.inc_by(more);
    }
}
