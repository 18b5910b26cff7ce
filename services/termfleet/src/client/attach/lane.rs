//! This client's input to one shell, exactly once: every byte has an offset, what is not yet known to
//! be written is kept, and after a resume sending goes on where the server says.

use std::collections::VecDeque;

use hyper::body::Bytes;
use termfleet_session::{
    ids::{Epoch, Offset},
    limits::INPUT_WINDOW_BYTES,
};

/// What is kept of input that the shell does not read: far above any paste.
pub(super) const MAX_PENDING: usize = 8 << 20;

/// The lane.
#[derive(Debug, Default)]
pub(super) struct Lane {
    epoch: Option<Epoch>,
    /// Offset of the first byte that is kept: all before it is written.
    base: u64,
    /// All before this has been sent.
    sent: u64,
    kept: VecDeque<u8>,
}

impl Lane {
    /// Has everything been written?
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How much more may be kept.
    pub(super) fn room(&self) -> usize {
        MAX_PENDING.saturating_sub(self.kept.len())
    }

    /// Takes typed bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
    }

    /// The next piece that the window has room for.
    pub(super) fn take(&mut self, most: usize) -> Option<(Offset, Bytes)> {
        let room = (self.base + INPUT_WINDOW_BYTES).saturating_sub(self.sent);
        let skip = (self.sent - self.base) as usize;
        let length = most.min(room as usize).min(self.kept.len() - skip);
        if length == 0 {
            return None;
        }
        let piece = (Offset::new(self.sent), self.kept.iter().skip(skip).take(length).copied());
        let piece = (piece.0, piece.1.collect::<Vec<u8>>().into());
        self.sent += length as u64;
        Some(piece)
    }

    /// All input before `offset` is written.
    pub(super) fn acked(&mut self, offset: Offset) {
        let written = offset.get().clamp(self.base, self.sent);
        self.kept.drain(..(written - self.base) as usize);
        self.base = written;
    }

    /// Attached to a shell whose lane goes on at `next`. What is returned is how many bytes were
    /// typed for another shell, or into a lane that was lost: they may have run or not, so they are
    /// not sent again.
    pub(super) fn attached(&mut self, epoch: Epoch, next: Offset) -> usize {
        let next = next.get();
        let before = self.epoch.replace(epoch);
        let end = self.base + self.kept.len() as u64;
        match before {
            // Typed before the first answer: it belongs to this shell, from here on.
            None => {
                self.base = next;
                self.sent = next;
                0
            }
            Some(same) if same == epoch && (self.base..=end).contains(&next) => {
                self.sent = next;
                0
            }
            Some(_) => self.restart(next),
        }
    }

    /// Goes back to where the server wants input from.
    pub(super) fn rewind(&mut self, next: Offset) -> usize {
        let end = self.base + self.kept.len() as u64;
        if (self.base..=end).contains(&next.get()) {
            self.sent = self.sent.min(next.get());
            return 0;
        }
        self.restart(next.get())
    }

    /// Refused: forgets everything from `next` on.
    pub(super) fn truncate(&mut self, next: Offset) {
        let keep = next.get().saturating_sub(self.base) as usize;
        self.kept.truncate(keep);
        self.sent = self.sent.min(self.base + self.kept.len() as u64);
    }

    fn restart(&mut self, next: u64) -> usize {
        let doubtful = self.kept.len();
        self.kept.clear();
        self.base = next;
        self.sent = next;
        doubtful
    }
}

#[cfg(test)]
mod tests {
    //! What is sent again, and what never is.
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn epoch(number: u64) -> Epoch {
        Epoch::new(number)
    }

    #[test]
    fn what_is_not_written_is_sent_again_from_where_the_server_says() {
        let mut lane = Lane::default();
        lane.push(b"abc");
        assert_eq!(lane.attached(epoch(1), Offset::new(10)), 0);
        assert_eq!(lane.take(100).unwrap(), (Offset::new(10), Bytes::from_static(b"abc")));
        assert!(lane.take(100).is_none());
        lane.acked(Offset::new(11));
        assert_eq!(lane.attached(epoch(1), Offset::new(12)), 0);
        assert_eq!(lane.take(100).unwrap(), (Offset::new(12), Bytes::from_static(b"c")));
        lane.acked(Offset::new(13));
        assert!(lane.is_empty());
    }

    #[test]
    fn another_shell_never_gets_what_was_typed_for_the_first() {
        let mut lane = Lane::default();
        lane.attached(epoch(1), Offset::new(0));
        lane.push(b"rm -r x");
        lane.take(3);
        assert_eq!(lane.attached(epoch(2), Offset::new(0)), 7);
        assert!(lane.take(100).is_none() && lane.is_empty());
    }

    #[test]
    fn no_more_is_in_flight_than_the_window() {
        let mut lane = Lane::default();
        lane.attached(epoch(1), Offset::new(0));
        lane.push(&vec![b'x'; INPUT_WINDOW_BYTES as usize + 1]);
        let mut sent = 0;
        while let Some((_, piece)) = lane.take(1000) {
            sent += piece.len() as u64;
        }
        assert_eq!(sent, INPUT_WINDOW_BYTES);
        lane.acked(Offset::new(1));
        assert_eq!(lane.take(1000).unwrap().1.len(), 1);
        lane.truncate(Offset::new(2));
        assert!(!lane.is_empty() && lane.take(1000).is_none());
    }
}
