//! The reading half: whole messages, one after another, and why there are no more.

use std::{fmt, io, time::Duration};

use bytes::{Bytes, BytesMut};
use fastwebsockets::{Frame, Payload, Role, WebSocket, WebSocketError};
use tokio::{
    io::{AsyncRead, Join, Sink, join, sink},
    net::tcp::OwnedReadHalf,
    time::timeout,
};

use super::{Limits, Message, Violation, assemble::Assembly, gate::Gate, pongs::Pongs};

/// How long a client is waited for after the last close frame: a round trip and its own close. A
/// socket that is dropped with bytes unread is reset, and the reset destroys what we sent last.
const LINGER: Duration = Duration::from_secs(2);
/// Beyond a frame of this size the buffer is given back: fastwebsockets starts with as much, and
/// would keep the room for the longest frame as long as the socket lives.
const KEPT_BYTES: usize = 8 << 10;

/// It reads only: what it would write goes nowhere, and it is told to write nothing.
type Frames<R> = WebSocket<Join<Gate<R>, Sink>>;

/// Why there are no more messages.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The client broke a rule: close with this, finish the writer, linger.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The connection is gone; there is nobody to answer.
    #[error("the connection was lost")]
    Lost(#[source] io::Error),
}

/// The reading half of a guarded socket. It belongs to **one task that nothing cancels**: a
/// [`Reader::next`] that is dropped half-way loses its frame, so it never stands in a `select!`.
/// Such a task ends by itself soon after [`super::Writer::finish`], or is aborted with its socket.
pub struct Reader<R = OwnedReadHalf> {
    /// Missing only while it is replaced by one with a small buffer.
    frames: Option<Frames<R>>,
    longest: usize,
    assembly: Assembly,
    pongs: Pongs,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(read: R, leftover: Bytes, pongs: Pongs, limits: Limits) -> Self {
        let gate = Gate::new(read, leftover, &limits);
        let frames = Some(frames_of(join(gate, sink()), limits.message_bytes));
        Self { frames, longest: limits.message_bytes, assembly: Assembly::default(), pongs }
    }

    /// The next message. After [`Message::Close`] or an error there are none: [`Reader::linger`].
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn next(&mut self) -> Result<Message, Ended> {
        let message = self.message().await?;
        if let Message::Ping(payload) = &message {
            self.pongs.push(payload.clone());
        }
        Ok(message)
    }

    async fn message(&mut self) -> Result<Message, Ended> {
        loop {
            let frame = self.frame().await?;
            let payload = match frame.payload {
                Payload::Bytes(bytes) => bytes,
                other => BytesMut::from(&*other),
            };
            if let Some(message) = self.assembly.push(frame.opcode, frame.fin, payload)? {
                return Ok(message);
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame<'static>, Ended> {
        let Some(frames) = &mut self.frames else {
            return Err(Ended::Lost(io::ErrorKind::NotConnected.into()));
        };
        let frame = frames.read_frame().await.map_err(ended::<R>)?;
        if frame.payload.len() > KEPT_BYTES {
            // The gate passed on nothing behind this frame, so the buffer is empty.
            let stream = self.frames.take().map(WebSocket::into_inner);
            self.frames = stream.map(|stream| frames_of(stream, self.longest));
        }
        Ok(frame)
    }

    /// Swallows what the client still sends until it ends the connection, for a moment at most,
    /// so that it can read our close frame. Nothing is answered any more, not even a ping.
    pub async fn linger(self) {
        let Some(frames) = self.frames else { return };
        let (gate, _) = frames.into_inner().into_inner();
        // Too late is as good an end as any.
        let _ = timeout(LINGER, gate.swallow()).await;
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("assembly", &self.assembly).finish_non_exhaustive()
    }
}

fn frames_of<R: AsyncRead + Unpin>(stream: Join<Gate<R>, Sink>, longest: usize) -> Frames<R> {
    let mut frames = WebSocket::after_handshake(stream, Role::Server);
    frames.set_auto_close(false);
    frames.set_auto_pong(false);
    // The gate has refused what is larger; this one refuses what *reaches* its limit.
    frames.set_max_message_size(longest.saturating_add(1));
    frames
}

fn ended<R: AsyncRead + Unpin>(error: WebSocketError) -> Ended {
    match error {
        WebSocketError::InvalidUTF8 => Violation::NOT_UTF8.into(),
        WebSocketError::IoError(error) => match Gate::<R>::violation(&error) {
            Some(violation) => violation.into(),
            None => Ended::Lost(error),
        },
        WebSocketError::UnexpectedEOF => Ended::Lost(io::ErrorKind::UnexpectedEof.into()),
        // The gate has let nothing through that could end here.
        other => {
            tracing::debug!(error = %other, "frame refused beneath the guard");
            Violation::protocol("malformed frame").into()
        }
    }
}
