//! The writing half: frames gathered in memory, given to the socket in as few calls as it takes.
//!
//! Queueing is free of waiting and of system calls; [`Writer::flush`] does both. How much may be
//! queued is the owner's to bound: it stops at [`BATCH_BYTES`] and flushes.

use std::{
    collections::VecDeque,
    fmt, future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use fastwebsockets::OpCode;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::tcp::OwnedWriteHalf,
    time::Instant,
};

use super::{CloseCode, patience::Patience, pipe::Pipe, pongs::Pongs};

/// When to stop queueing and flush: a batch of this size costs one system call, and more would
/// only wait here instead of where it can still be dropped.
pub const BATCH_BYTES: usize = 64 << 10;

/// Up to this size a payload is copied beside its header: cheaper than a slice of its own in the
/// vectored write, and it does not keep a shared buffer alive.
const COPY_BYTES: usize = 4 << 10;
/// Slices of one vectored write: with a copied run between two of them, over 64 KiB of payloads
/// that are not copied.
const SLICES: usize = 32;
/// What an idle socket keeps of its buffer: a few control messages.
const IDLE_BYTES: usize = 1 << 10;
/// Longest reason of a close frame: a control frame's 125 bytes less the code.
const REASON_BYTES: usize = 123;
/// Longest payload of a control frame.
const CONTROL_BYTES: usize = 125;
const FIN: u8 = 0x80;

/// Why nothing can be sent any more.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The client took nothing for [`super::Limits::write_stall`]. A close frame would not reach
    /// it either: drop the socket, and count it as 4008.
    #[error("the client accepts nothing")]
    Stalled,
    /// The connection is gone.
    #[error("the connection was lost")]
    Lost(#[source] io::Error),
}

impl WriteError {
    /// The close code that stands for it in logs and metrics.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Stalled => CloseCode::SLOW,
            Self::Lost(_) => CloseCode::GOING_AWAY,
        }
    }
}

/// The writing half of a guarded socket.
pub struct Writer<W = OwnedWriteHalf> {
    io: W,
    /// Whole runs of frames, oldest first; then `tail`.
    runs: VecDeque<Bytes>,
    /// Frames copied so far behind the runs.
    tail: BytesMut,
    queued: usize,
    closing: bool,
    pongs: Pongs,
    patience: Patience,
    pipe: Pipe,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(io: W, pongs: Pongs, stall: Duration) -> Self {
        Self {
            io,
            runs: VecDeque::new(),
            tail: BytesMut::new(),
            queued: 0,
            closing: false,
            pongs,
            patience: Patience::new(stall),
            pipe: Pipe::default(),
        }
    }

    /// Queues a text message.
    pub fn queue_text(&mut self, text: &str) {
        self.queue(OpCode::Text, text.as_bytes(), Bytes::new());
    }

    /// Queues a text message that many sockets share. The bytes are UTF-8: the caller encoded it.
    pub fn queue_shared_text(&mut self, text: Bytes) {
        self.queue(OpCode::Text, &[], text);
    }

    /// Queues one binary message of two parts; a large payload is not copied.
    pub fn queue_binary(&mut self, head: &[u8], payload: Bytes) {
        self.queue(OpCode::Binary, head, payload);
    }

    /// Queues a ping. Of a payload beyond 125 bytes the rest is left out.
    pub fn queue_ping(&mut self, payload: &[u8]) {
        self.queue(OpCode::Ping, &payload[..payload.len().min(CONTROL_BYTES)], Bytes::new());
    }

    /// Queues the close frame, the last one: what is queued later is dropped. A reason beyond 123
    /// bytes is cut at a character.
    pub fn queue_close(&mut self, code: Option<CloseCode>, reason: &str) {
        let mut body = Vec::with_capacity(CONTROL_BYTES);
        if let Some(code) = code {
            body.extend_from_slice(&code.get().to_be_bytes());
            body.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(REASON_BYTES)]);
        }
        self.queue(OpCode::Close, &body, Bytes::new());
        self.closing = true;
    }

    /// Bytes queued that the socket has not taken.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Is the way to the client so thin that fewer bytes are worth the time of compressing them?
    #[must_use]
    pub fn is_thin(&self) -> bool {
        self.pipe.is_thin(Instant::now())
    }

    /// Gives all that is queued to the socket, pongs that are due with it. Cancel-safe: what was
    /// not taken stays queued.
    ///
    /// # Errors
    /// [`WriteError`]; the socket is of no more use then.
    pub async fn flush(&mut self) -> Result<(), WriteError> {
        self.queue_pongs();
        future::poll_fn(|cx| self.poll_drain(cx)).await?;
        if self.tail.capacity() > IDLE_BYTES {
            self.tail = BytesMut::new();
        }
        Ok(())
    }

    /// Ready when a ping waits for its pong: then flush. Cancel-safe.
    pub async fn ping_heard(&self) {
        self.pongs.heard().await;
    }

    /// Flushes and ends our direction of the stream; the client sees its end after the last frame.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn finish(mut self) -> Result<(), WriteError> {
        self.flush().await?;
        self.io.shutdown().await.map_err(WriteError::Lost)
    }

    fn queue_pongs(&mut self) {
        for payload in self.pongs.take() {
            self.frame(OpCode::Pong, &payload, Bytes::new());
        }
    }

    /// Pongs first: a ping heard before the message that this one answers is answered before it.
    fn queue(&mut self, opcode: OpCode, head: &[u8], payload: Bytes) {
        self.queue_pongs();
        self.frame(opcode, head, payload);
    }

    /// One frame: a copied head and a payload that is copied too if it is small.
    fn frame(&mut self, opcode: OpCode, head: &[u8], payload: Bytes) {
        if self.closing {
            return;
        }
        let length = head.len() + payload.len();
        let before = self.tail.len();
        self.tail.put_u8(FIN | opcode as u8);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..=125), _) => self.tail.put_u8(short),
            (_, Ok(middle)) => {
                self.tail.put_u8(126);
                self.tail.put_u16(middle);
            }
            _ => {
                self.tail.put_u8(127);
                self.tail.put_u64(length as u64);
            }
        }
        self.tail.put_slice(head);
        if payload.len() <= COPY_BYTES {
            self.tail.put_slice(&payload);
            self.queued += self.tail.len() - before;
        } else {
            self.queued += self.tail.len() - before + payload.len();
            self.runs.push_back(self.tail.split().freeze());
            self.runs.push_back(payload);
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        while self.queued > 0 {
            let Poll::Ready(written) = self.poll_write(cx) else {
                self.pipe.is_full(Instant::now());
                ready!(self.patience.wait(cx));
                return Poll::Ready(Err(WriteError::Stalled));
            };
            self.patience.renew();
            self.pipe.took(Instant::now());
            match written {
                Ok(0) => {
                    return Poll::Ready(Err(WriteError::Lost(io::ErrorKind::WriteZero.into())));
                }
                Ok(written) => self.taken(written),
                Err(error) => return Poll::Ready(Err(WriteError::Lost(error))),
            }
        }
        // A buffered stream beneath (TLS) holds bytes back until it is told.
        Pin::new(&mut self.io).poll_flush(cx).map_err(WriteError::Lost)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.runs.is_empty() {
            return Pin::new(&mut self.io).poll_write(cx, &self.tail);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let parts = self.runs.iter().map(Bytes::as_ref).chain([self.tail.as_ref()]);
        let mut used = 0;
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            used += 1;
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..used])
    }

    /// The socket took so many bytes from the front.
    fn taken(&mut self, mut written: usize) {
        self.queued -= written;
        while let Some(run) = self.runs.front_mut() {
            let here = written.min(run.len());
            run.advance(here);
            written -= here;
            if !run.is_empty() {
                return;
            }
            self.runs.pop_front();
        }
        self.tail.advance(written);
    }
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("queued", &self.queued)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
