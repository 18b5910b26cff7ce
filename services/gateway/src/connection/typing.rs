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

use crate::upstream::Typed;

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
    /// The first of it waits for the window, or for a channel.
    blocked: bool,
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
        Self { held: VecDeque::new(), cost: 0, pace: None, blocked: false }
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

    /// Has everything arrived? Only known of a client without offsets.
    pub(super) fn is_settled(&self) -> bool {
        let arrived = |pace: &Pace| pace.sent == pace.written;
        self.held.is_empty() && self.pace.as_ref().is_some_and(arrived)
    }

    /// When the next may go by its rate; `None`: it waits for something else than time.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.front().filter(|_| !self.blocked).map(|held| held.due)
    }

    /// Sends what may go now. What a client with offsets sent while there is no channel is
    /// dropped: it sends again from where the next channel says.
    pub(super) fn release(
        &mut self,
        now: Instant,
        mut send: impl FnMut(Option<Offset>, Bytes) -> Typed,
    ) {
        while let Some(held) = self.held.front() {
            let len = held.data.len() as u64;
            let fits = |pace: &Pace| pace.sent.plus(len).since(pace.written) <= INPUT_WINDOW_BYTES;
            if held.due > now {
                return;
            }
            self.blocked = !self.pace.as_ref().is_none_or(fits);
            if self.blocked {
                return;
            }
            match (send(held.offset, held.data.clone()), &mut self.pace) {
                (Typed::Sent, Some(pace)) => pace.sent = pace.sent.plus(len),
                (Typed::Sent | Typed::Away, None) => {}
                // A client with offsets that fills the link's queue has sent more than it may; it
                // will hear of the gap.
                (Typed::Full, None) => {}
                (Typed::Full | Typed::Away, Some(_)) => {
                    self.blocked = true;
                    return;
                }
            }
            self.drop_first();
        }
    }

    /// There is a channel, and the lane stands here: everything that was under way has arrived or
    /// never will. What was typed to another shell, or will be sent again, is dropped.
    pub(super) fn starts_at(&mut self, offset: Offset, same_shell: bool) {
        if !same_shell || self.pace.is_none() {
            (self.held, self.cost) = (VecDeque::new(), 0);
        }
        if let Some(pace) = &mut self.pace {
            *pace = Pace { sent: offset, written: offset };
        }
        self.blocked = false;
    }

    /// Input was written up to here.
    pub(super) fn written(&mut self, offset: Offset) {
        if let Some(pace) = &mut self.pace {
            pace.written = offset.max(pace.written);
            pace.sent = pace.sent.max(offset);
            self.blocked = false;
        }
    }

    /// Something that was under way was refused, and moved nothing.
    pub(super) fn refused(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.sent = pace.written;
            self.blocked = false;
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

#[cfg(test)]
mod tests {
    //! What goes when, and in which order.
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    fn sent(typing: &mut Typing, now: Instant, outcome: Typed) -> Vec<Bytes> {
        let mut sent = Vec::new();
        typing.release(now, |_, data| {
            sent.push(data);
            outcome
        });
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn input_over_its_rate_is_held_and_keeps_its_order() {
        let now = Instant::now();
        let later = now + Duration::from_millis(10);
        let mut typing = Typing::windowed();
        typing.push(later, Some(Offset::new(0)), "a".into()).unwrap();
        typing.push(now, Some(Offset::new(1)), "b".into()).unwrap();
        assert_eq!(sent(&mut typing, now, Typed::Sent), Vec::<Bytes>::new());
        assert_eq!(typing.due(), Some(later));
        assert_eq!(sent(&mut typing, later, Typed::Sent), ["a", "b"]);
        assert_eq!(typing.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_offsets_is_kept_to_the_window_and_loses_nothing() {
        let now = Instant::now();
        let mut typing = Typing::paced();
        let piece = Bytes::from(vec![b'x'; 30_000]);
        for _ in 0..4 {
            typing.push(now, None, piece.clone()).unwrap();
        }
        assert_eq!(sent(&mut typing, now, Typed::Sent).len(), 2);
        assert_eq!(typing.due(), None, "time alone does not help");
        typing.written(Offset::new(30_000));
        assert_eq!(typing.due(), Some(now));
        assert_eq!(sent(&mut typing, now, Typed::Sent).len(), 1);
        typing.refused();
        assert_eq!(sent(&mut typing, now, Typed::Sent).len(), 1);
        assert!(typing.is_empty() && !typing.is_settled());
        typing.written(Offset::new(60_000));
        assert!(typing.is_settled());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_channel_text_waits_and_counted_input_is_sent_again_by_its_client() {
        let now = Instant::now();
        let (mut text, mut counted) = (Typing::paced(), Typing::windowed());
        for typing in [&mut text, &mut counted] {
            typing.push(now, None, "x".into()).unwrap();
            sent(typing, now, Typed::Away);
        }
        assert!(counted.is_empty() && !text.is_empty());
        assert_eq!(text.due(), None);
        text.starts_at(Offset::new(0), true);
        assert_eq!(sent(&mut text, now, Typed::Sent), ["x"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_typed_to_another_shell_is_dropped() {
        let now = Instant::now();
        let later = now + Duration::from_millis(10);
        let (mut text, mut counted) = (Typing::paced(), Typing::windowed());
        for typing in [&mut text, &mut counted] {
            typing.push(later, None, "rm".into()).unwrap();
        }
        text.starts_at(Offset::new(0), false);
        counted.starts_at(Offset::new(0), true);
        assert!(text.is_empty() && counted.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_the_bound_is_refused() {
        let now = Instant::now();
        let mut typing = Typing::paced();
        let piece = Bytes::from(vec![b'x'; 1 << 10]);
        let taken = (0..300).take_while(|_| typing.push(now, None, piece.clone()).is_ok()).count();
        assert!((200..256).contains(&taken), "{taken}");
        let mut empty = Typing::windowed();
        let taken = (0..3_000).take_while(|_| empty.push(now, None, Bytes::new()).is_ok()).count();
        assert!(taken < 2_000, "empty messages cost something too");
    }
}
