//! How a text dialect's client gets its output: as text, whole characters only, the screen as one
//! message, and without the questions that its terminal would answer into the live shell.
//!
//! A client of text knows no offsets, so it cannot tell old output from new: its terminal would
//! answer a query that was printed an hour ago. So queries are taken out of everything that was
//! printed before the client came, and, for a client that does not drive, of everything.

use bytes::Bytes;
use termfleet_proto::ws::v1::Attached;
use termfleet_session::{ids::Offset, limits::TAIL_BYTES};

use self::{carry::Carry, queries::Queries};
use crate::upstream::Snapshot;

mod carry;
mod queries;

/// What clears a terminal: a screen starts with it.
const RESET: &[u8] = b"\x1bc";
/// How much is gathered for one message: the tail that a worker sends after an empty snapshot.
const GATHER_BYTES: usize = 2 * TAIL_BYTES as usize;

/// One session's output on its way to one client of text.
#[derive(Debug, Default)]
pub(super) struct Screen {
    carry: Carry,
    queries: Queries,
    /// A screen that is not complete yet.
    gathered: Option<Vec<u8>>,
    /// Output before this was printed before the client came.
    old_until: Offset,
}

impl Screen {
    /// The client is attached, anew or again.
    pub(super) fn attached(&mut self, attached: &Attached) {
        self.old_until = if attached.recovered { Offset::default() } else { attached.head };
    }

    /// A screen is on its way.
    pub(super) fn is_gathering(&self) -> bool {
        self.gathered.is_some()
    }

    /// A part of a snapshot; the text, if it ends here.
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot) -> Option<String> {
        if self.gathered.is_none() {
            self.carry = Carry::default();
            self.queries = Queries::default();
            let starts = snapshot.data.starts_with(RESET);
            self.gathered = Some(if starts { Vec::new() } else { RESET.to_vec() });
        }
        self.gathered.as_mut()?.extend_from_slice(&snapshot.data);
        if snapshot.more {
            return None;
        }
        if self.old_until < snapshot.offset {
            // Nobody said how much was printed already: as much as a worker sends after it.
            self.old_until = snapshot.offset.plus(TAIL_BYTES);
            return self.take();
        }
        if snapshot.offset >= self.old_until { self.take() } else { None }
    }

    /// Output from an offset on; the text, unless the screen is not complete yet.
    pub(super) fn output(&mut self, offset: Offset, data: &Bytes, driver: bool) -> Option<String> {
        let end = offset.plus(data.len() as u64);
        let kept = if offset < self.old_until || !driver {
            self.queries.strip(data)
        } else {
            self.queries.pass(data)
        };
        let Some(gathered) = &mut self.gathered else { return Some(self.carry.push(&kept)) };
        gathered.extend_from_slice(&kept);
        if end >= self.old_until || gathered.len() >= GATHER_BYTES { self.take() } else { None }
    }

    /// What is left when nothing more comes.
    pub(super) fn finish(&mut self) -> Option<String> {
        let mut text = self.take().unwrap_or_default();
        let rest = self.queries.finish();
        text.push_str(&self.carry.push(&rest));
        text.push_str(&self.carry.finish());
        (!text.is_empty()).then_some(text)
    }

    fn take(&mut self) -> Option<String> {
        self.gathered.take().map(|bytes| self.carry.push(&bytes))
    }
}

#[cfg(test)]
mod tests;
