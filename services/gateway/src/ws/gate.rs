//! The stream beneath fastwebsockets: passes on only bytes that keep the rules, a frame at a time.
//!
//! fastwebsockets takes unmasked frames, long control frames, endless fragments and half a frame
//! for ever. Here every byte is inspected ([`Rules`]) before it gets there, and an unfinished
//! message is given a time. fastwebsockets also doubles its buffer whenever a read fills it with
//! more than one frame (a flood of pings was measured to grow it to 80 MB), so what was read
//! beyond a frame waits here. What the rules are is not decided here.

use std::{
    future, io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf, copy, sink};

use super::{Limits, Violation, patience::Patience, rules::Rules};

/// What is read at once of a frame that begins: whole keystrokes and messages, and several of them.
const FIRST_BYTES: usize = 4 << 10;

/// A guarded stream of client frames. A violation is the error of the read that follows the last
/// good byte, and of every later one.
#[derive(Debug)]
pub(super) struct Gate<R> {
    io: R,
    /// Bytes that were read beyond the current frame, or together with the upgrade request.
    ahead: Bytes,
    rules: Rules,
    patience: Patience,
    broken: Option<Violation>,
}

impl<R: AsyncRead + Unpin> Gate<R> {
    pub(super) fn new(io: R, leftover: Bytes, limits: &Limits) -> Self {
        // Even empty it would keep its whole buffer alive.
        let ahead = if leftover.is_empty() { Bytes::new() } else { leftover };
        Self {
            io,
            ahead,
            rules: Rules::new(limits),
            patience: Patience::new(limits.message_time),
            broken: None,
        }
    }

    /// The violation within an error of this stream.
    pub(super) fn violation(error: &io::Error) -> Option<Violation> {
        error.get_ref()?.downcast_ref::<Violation>().copied()
    }

    /// Reads the stream to its end, believing and keeping nothing.
    pub(super) async fn swallow(mut self) {
        // An error is an end like any other.
        let _ = copy(&mut self.io, &mut sink()).await;
    }

    /// Waits until something of the next frame is here, or the stream has ended, so that nobody has
    /// to hold a buffer for it until then.
    pub(super) async fn begun(&mut self) -> io::Result<()> {
        future::poll_fn(|cx| self.poll_begun(cx)).await
    }

    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken.is_some() || !self.ahead.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut first = [MaybeUninit::uninit(); FIRST_BYTES];
        let mut first = ReadBuf::uninit(&mut first);
        match Pin::new(&mut self.io).poll_read(cx, &mut first) {
            Poll::Ready(read) => read?,
            Poll::Pending if self.rules.unfinished() => {
                ready!(self.patience.wait(cx));
                self.broken = Some(Violation::UNFINISHED);
            }
            Poll::Pending => return Poll::Pending,
        }
        self.ahead = Bytes::copy_from_slice(first.filled());
        Poll::Ready(Ok(()))
    }

    fn refuse(&mut self, violation: Violation) -> Poll<io::Result<()>> {
        self.broken = Some(violation);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)))
    }

    /// Passes on what waits here, up to the end of a frame.
    fn pass_ahead(&mut self, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let offered = self.ahead.len().min(into.remaining());
        let passed = match self.inspect(&self.ahead.slice(..offered)) {
            Ok(passed) => passed,
            Err(violation) => return self.refuse(violation),
        };
        into.put_slice(&self.ahead[..passed]);
        self.ahead.advance(passed);
        if self.ahead.is_empty() {
            // Even empty it would keep its whole buffer alive.
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads, and passes on up to the end of a frame; the rest waits here.
    fn poll_io(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, into) {
            Poll::Ready(read) => read?,
            Poll::Pending if self.rules.unfinished() => {
                ready!(self.patience.wait(cx));
                return self.refuse(Violation::UNFINISHED);
            }
            Poll::Pending => return Poll::Pending,
        }
        let bytes = &into.filled()[before..];
        let passed = match self.inspect(bytes) {
            Ok(passed) => passed,
            Err(violation) => {
                into.set_filled(before);
                return self.refuse(violation);
            }
        };
        if passed < bytes.len() {
            self.ahead = Bytes::copy_from_slice(&bytes[passed..]);
        }
        into.set_filled(before + passed);
        Poll::Ready(Ok(()))
    }

    /// How many of the bytes may pass now: at least one, unless there are none (the stream's end).
    fn inspect(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let seen = self.rules.inspect(bytes);
        if seen.ended {
            self.patience.renew()
        } else {
            self.patience.heard()
        }
        match seen.violation {
            // Passing nothing on would mean the end of the stream.
            Some(violation) if seen.passed == 0 => Err(violation),
            violation => {
                self.broken = violation;
                Ok(seen.passed)
            }
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Gate<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.broken {
            Some(violation) => self.refuse(violation),
            None if self.ahead.is_empty() => self.poll_io(cx, into),
            None => self.pass_ahead(into),
        }
    }
}
