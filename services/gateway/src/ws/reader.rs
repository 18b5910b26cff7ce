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
    /// Missing only within a frame.
    gate: Option<Gate<R>>,
    longest: usize,
    assembly: Assembly,
    pongs: Pongs,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(read: R, leftover: Bytes, pongs: Pongs, limits: Limits) -> Self {
        let gate = Some(Gate::new(read, leftover, &limits));
        Self { gate, longest: limits.message_bytes, assembly: Assembly::default(), pongs }
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

    /// The next frame. What frames it has a buffer of 8 KiB and lives only from a frame's first bytes
    /// to its last: a socket that nobody types at has none.
    async fn frame(&mut self) -> Result<Frame<'static>, Ended> {
        let Some(gate) = &mut self.gate else {
            return Err(Ended::Lost(io::ErrorKind::NotConnected.into()));
        };
        gate.begun().await.map_err(Ended::Lost)?;
        let Some(gate) = self.gate.take() else {
            return Err(Ended::Lost(io::ErrorKind::NotConnected.into()));
        };
        let mut frames = frames_of(join(gate, sink()), self.longest);
        let frame = frames.read_frame().await.map_err(ended::<R>);
        // The gate passed on nothing behind this frame, so nothing is lost with the buffer.
        self.gate = Some(frames.into_inner().into_inner().0);
        frame
    }

    /// Swallows what the client still sends until it ends the connection, for a moment at most,
    /// so that it can read our close frame. Nothing is answered any more, not even a ping.
    pub async fn linger(self) {
        let Some(gate) = self.gate else { return };
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
