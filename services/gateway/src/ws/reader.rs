//! The reading half: whole messages, one after another, and why there are no more.

use std::{convert::Infallible, fmt, io, time::Duration};

use bytes::{Bytes, BytesMut};
use fastwebsockets::{Payload, Role, WebSocketError, WebSocketRead, after_handshake_split};
use tokio::{
    io::{AsyncRead, Sink, sink},
    net::tcp::OwnedReadHalf,
    time::timeout,
};

use super::{Limits, Message, Violation, assemble::Assembly, gate::Gate, pongs::Pongs};

/// How long a client is waited for after the last close frame: a round trip and its own close. A
/// socket that is dropped with bytes unread is reset, and the reset destroys what we sent last.
const LINGER: Duration = Duration::from_secs(2);

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
    frames: WebSocketRead<Gate<R>>,
    assembly: Assembly,
    pongs: Pongs,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(read: R, leftover: Bytes, pongs: Pongs, limits: Limits) -> Self {
        let gate = Gate::new(read, leftover, &limits);
        let (mut frames, _unused) = after_handshake_split::<_, Sink>(gate, sink(), Role::Server);
        frames.set_auto_close(false);
        frames.set_auto_pong(false);
        // The gate has refused what is larger; this one refuses what *reaches* its limit.
        frames.set_max_message_size(limits.message_bytes.saturating_add(1));
        Self { frames, assembly: Assembly::default(), pongs }
    }

    /// The next message. After [`Message::Close`] or an error there are none: [`Reader::linger`].
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn next(&mut self) -> Result<Message, Ended> {
        loop {
            // Pongs and close frames are ours to send, so this is never called.
            let mut unused = |_| async { Ok::<(), Infallible>(()) };
            let frame = self.frames.read_frame(&mut unused).await.map_err(ended::<R>)?;
            let payload = match frame.payload {
                Payload::Bytes(bytes) => bytes,
                other => BytesMut::from(&*other),
            };
            let message = self.assembly.push(frame.opcode, frame.fin, payload)?;
            if let Some(Message::Ping(payload)) = &message {
                self.pongs.push(payload.clone());
            }
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    /// Swallows what the client still sends until it ends the connection, for a moment at most,
    /// so that it can read our close frame.
    pub async fn linger(mut self) {
        let swallow = async {
            // A violation makes the gate swallow the rest, so at most one more is seen.
            while !matches!(self.next().await, Err(Ended::Lost(_))) {}
        };
        // Too late is as good an end as any.
        let _ = timeout(LINGER, swallow).await;
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("assembly", &self.assembly).finish_non_exhaustive()
    }
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
