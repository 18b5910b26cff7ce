//! How a text dialect's client gets its output: as text, whole characters only, the screen as one
//! message, and without the questions that its terminal would answer into the live shell.
//!
//! What a program asks its terminal is answered by its worker: a client's terminal that answered too
//! would type into the shell.

use bytes::Bytes;

use self::{carry::Carry, queries::Queries};
use crate::upstream::Snapshot;

mod carry;
mod queries;

/// What clears a terminal: a screen starts with it.
const RESET: &[u8] = b"\x1bc";

/// One session's output on its way to one client of text.
#[derive(Debug, Default)]
pub(super) struct Screen {
    carry: Carry,
    queries: Queries,
    /// A screen that is not complete yet.
    gathered: Option<Vec<u8>>,
}

impl Screen {
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
        if snapshot.more { None } else { self.take() }
    }

    /// A piece of output.
    pub(super) fn output(&mut self, data: &Bytes) -> String {
        let kept = self.queries.strip(data);
        self.carry.push(&kept)
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
