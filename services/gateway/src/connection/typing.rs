//! Input of one seat that may not go yet: it is over its rate, there is no channel, or (in dialects
//! without offsets, whose clients cannot know the window) the window is full.
//!
//! Delaying and refusing are different things: what is held here is sent in order, and only what
//! passes a generous bound is refused.

use std::collections::VecDeque;

use bytes::Bytes;
use termfleet_session::{
    ids::Offset,
    limits::{INPUT_WINDOW_BYTES, MAX_INPUT_BYTES},
};
use tokio::time::Instant;

use crate::upstream::{Attachment, Typed};

/// What a client with offsets may have held: it must not send more than its window anyway.
const WINDOWED_BYTES: usize = INPUT_WINDOW_BYTES as usize + MAX_INPUT_BYTES;
/// What a client without offsets may have held: a large paste.
const PACED_BYTES: usize = 256 << 10;
/// What a message costs beside its bytes.
const OVERHEAD_BYTES: usize = 64;

/// Input that waits.
#[derive(Debug)]
pub(super) struct Typing {
    held: VecDeque<Held>,
    cost: usize,
    pace: Option<Pace>,
}

#[derive(Debug)]
struct Held {
    due: Instant,
    offset: Option<Offset>,
    data: Bytes,
}

/// How far the lane of a client without offsets has come, as its gateway counts for it.
#[derive(Debug, Default)]
struct Pace {
    sent: Offset,
    written: Offset,
}

/// More is held than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Typing {
    /// Of a client that counts its input and keeps to the window.
    pub(super) fn windowed() -> Self {
        Self { held: VecDeque::new(), cost: 0, pace: None }
    }

    /// Of a client that just types.
    pub(super) fn paced() -> Self {
        Self { pace: Some(Pace::default()), ..Self::windowed() }
    }

    /// Takes input that may go from `due` on, after what is held already.
    pub(super) fn push(
        &mut self,
        due: Instant,
        offset: Option<Offset>,
        data: Bytes,
    ) -> Result<(), Full> {
        let most = if self.pace.is_some() { PACED_BYTES } else { WINDOWED_BYTES };
        let cost = data.len() + OVERHEAD_BYTES;
        if self.cost + cost > most {
            return Err(Full);
        }
        self.cost += cost;
        self.held.push_back(Held { due, offset, data });
        Ok(())
    }

    /// Is there anything to send?
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// When the next may go by its rate.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.front().map(|held| held.due)
    }

    /// Sends what may go now. What a client with offsets sent while there is no channel is
    /// dropped: it sends again from where the next channel says.
    pub(super) fn release(&mut self, now: Instant, attachment: &Attachment) {
        while let Some(held) = self.held.front() {
            let len = held.data.len() as u64;
            let fits = |pace: &Pace| pace.sent.plus(len).since(pace.written) <= INPUT_WINDOW_BYTES;
            if held.due > now || !self.pace.as_ref().is_none_or(fits) {
                return;
            }
            match (attachment.input(held.offset, held.data.clone()), &mut self.pace) {
                (Typed::Sent, Some(pace)) => pace.sent = pace.sent.plus(len),
                (Typed::Sent | Typed::Away, None) => {}
                // The window makes room sooner or later; a client with offsets that fills it has
                // sent more than it may, and will hear of the gap.
                (Typed::Full, None) => {}
                (Typed::Full | Typed::Away, Some(_)) => return,
            }
            self.drop_first();
        }
    }

    /// The lane stands here now: everything that was under way has arrived or never will.
    pub(super) fn starts_at(&mut self, offset: Offset) {
        if let Some(pace) = &mut self.pace {
            *pace = Pace { sent: offset, written: offset };
        }
    }

    /// Input was written up to here.
    pub(super) fn written(&mut self, offset: Offset) {
        if let Some(pace) = &mut self.pace {
            pace.written = offset.max(pace.written);
            pace.sent = pace.sent.max(offset);
        }
    }

    /// Something that was under way was refused, and moved nothing.
    pub(super) fn refused(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.sent = pace.written;
        }
    }

    /// Takes what waits elsewhere for the same session, as far as there is room.
    pub(super) fn append(&mut self, other: Self) {
        for Held { due, offset, data } in other.held {
            if self.push(due, offset, data).is_err() {
                return;
            }
        }
    }

    fn drop_first(&mut self) {
        if let Some(held) = self.held.pop_front() {
            self.cost -= held.data.len() + OVERHEAD_BYTES;
        }
    }
}
