//! The stream beneath fastwebsockets: passes on only bytes that keep the rules.
//!
//! fastwebsockets takes unmasked frames, long control frames, endless fragments and half a frame
//! for ever. Here every byte is inspected ([`Rules`]) before it gets there, and an unfinished
//! message is given a time. What the rules are is not decided here.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

use super::{Limits, Violation, patience::Patience, rules::Rules};

/// What is thrown away at once while a refused client is waited out: enough for few system calls,
/// little enough for the stack.
const SCRATCH_BYTES: usize = 4096;

/// A guarded stream of client frames. A violation is an error of the read that follows the last
/// good byte; after it everything is swallowed up to the end of the stream.
#[derive(Debug)]
pub(super) struct Gate<R> {
    io: R,
    /// Bytes that were read together with the upgrade request.
    leftover: Bytes,
    rules: Rules,
    patience: Patience,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// The next read says so.
    Broken(Violation),
    /// Nothing is believed any more; the stream is read to its end.
    Refused,
}

impl<R: AsyncRead + Unpin> Gate<R> {
    pub(super) fn new(io: R, leftover: Bytes, limits: &Limits) -> Self {
        Self {
            io,
            leftover,
            rules: Rules::new(limits),
            patience: Patience::new(limits.message_time),
            state: State::Open,
        }
    }

    /// The violation within an error of this stream.
    pub(super) fn violation(error: &io::Error) -> Option<Violation> {
        error.get_ref()?.downcast_ref::<Violation>().copied()
    }

    fn refuse(&mut self, violation: Violation) -> Poll<io::Result<()>> {
        self.state = State::Refused;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)))
    }

    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leftover.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, into);
        }
        let taken = self.leftover.len().min(into.remaining());
        into.put_slice(&self.leftover[..taken]);
        self.leftover.advance(taken);
        if self.leftover.is_empty() {
            // Even empty it would keep the upgrade's whole read buffer alive.
            self.leftover = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match self.poll_source(cx, into) {
            Poll::Ready(read) => read?,
            Poll::Pending if self.rules.unfinished() => {
                ready!(self.patience.wait(cx));
                return self.refuse(Violation::UNFINISHED);
            }
            Poll::Pending => return Poll::Pending,
        }
        let seen = self.rules.inspect(&into.filled()[before..]);
        if seen.ended {
            self.patience.renew()
        } else {
            self.patience.heard()
        }
        into.set_filled(before + seen.passed);
        match seen.violation {
            // A read of nothing would mean the end of the stream.
            Some(violation) if seen.passed == 0 => self.refuse(violation),
            Some(violation) => {
                self.state = State::Broken(violation);
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Ok(())),
        }
    }

    /// Swallows what still comes. Nothing is put into the buffer, so the reader sees the end.
    fn poll_swallow(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.leftover = Bytes::new();
        let mut scratch = [0; SCRATCH_BYTES];
        loop {
            let mut scratch = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut scratch))?;
            if scratch.filled().is_empty() {
                return Poll::Ready(Ok(()));
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
        match self.state {
            State::Open => self.poll_open(cx, into),
            State::Broken(violation) => self.refuse(violation),
            State::Refused => self.poll_swallow(cx),
        }
    }
}
