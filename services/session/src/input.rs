//! Input lanes: what makes every keystroke count exactly once (`byte-lane.md` §6).
//!
//! A lane is one client's input to one epoch, counted in bytes from 0. This file judges what arrives
//! (new, repeated, overlapping, missing something, too much) and keeps two marks a lane. It holds
//! no bytes: the queue and `write(2)` belong to the ptyhost, which calls this in the same process,
//! so that a mark and its write cannot be parted by a crash of anything else.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    code::Code,
    ids::{ClientId, Offset},
    limits::{INPUT_WINDOW_BYTES, LANES_PER_SESSION},
};

/// How far a lane has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Queued up to here: duplicates are judged by it, and it is the client's `next_input_offset`.
    pub accepted: Offset,
    /// Taken by `write(2)` up to here: this is what `input_ack` tells, and where the window starts.
    pub written: Offset,
}

/// Input that moved its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Bytes at the front that are known already: drop them and queue the rest.
    pub skip: usize,
    /// The lane after it. Both marks equal and nothing left to queue: acknowledge at once.
    pub marks: Marks,
}

/// Input that moved nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("input refused ({}), expected from {expected}", code.name())]
pub struct Refused {
    /// Why: a gap or an unknown lane (2006), the window (2009), or no room for a lane (5002).
    pub code: Code,
    /// The offset from which input is taken.
    pub expected: Offset,
    /// Whether to answer: one refusal is told once, however many messages were on their way.
    pub answer: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    marks: Marks,
    /// Somebody is attached who may type here: such a lane is never replaced.
    viewed: bool,
    /// When it was last used, on the lanes' own count of uses: this crate reads no clock.
    used: u64,
    /// A refusal has been told, and nothing has been accepted since.
    refused: bool,
}

/// The lanes of one session's epoch: at most [`LANES_PER_SESSION`].
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: HashMap<ClientId, Lane>,
    uses: u64,
    /// The last client told that its lane is unknown: it has no lane to remember that in.
    told: Option<ClientId>,
}

impl Lanes {
    /// Judges `len` bytes that a client says start at `offset` of its lane.
    ///
    /// # Errors
    /// [`Refused`] if bytes before them are missing, they pass the window, the lane is unknown and
    /// they do not start it, or there is no room for another lane. Nothing has moved then.
    pub fn accept(
        &mut self,
        client: &ClientId,
        offset: Offset,
        len: usize,
    ) -> Result<Accepted, Refused> {
        if !self.lanes.contains_key(client) {
            self.open(client, offset, len as u64)?;
        }
        self.uses += 1;
        let lane = self.lanes.entry(client.clone()).or_default();
        lane.used = self.uses;
        lane.judge(offset, len as u64)
    }

    /// Notes that `write(2)` took `len` more bytes of a lane.
    pub fn wrote(&mut self, client: &ClientId, len: usize) -> Marks {
        let Some(lane) = self.lanes.get_mut(client) else { return Marks::default() };
        lane.marks.written = lane.marks.written.plus(len as u64).min(lane.marks.accepted);
        lane.marks
    }

    /// Says whether a client that may type is attached, and answers how far its lane has come.
    /// A new attachment hears of its refusals anew.
    pub fn view(&mut self, client: &ClientId, viewed: bool) -> Marks {
        if self.told.as_ref() == Some(client) {
            self.told = None;
        }
        let Some(lane) = self.lanes.get_mut(client) else { return Marks::default() };
        lane.viewed = viewed;
        lane.refused = false;
        lane.marks
    }

    /// Forgets who is attached: whoever knew it (a worker process) is gone.
    pub fn forget_viewers(&mut self) {
        self.told = None;
        for lane in self.lanes.values_mut() {
            lane.viewed = false;
            lane.refused = false;
        }
    }

    /// Every lane with its marks, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ClientId, Marks)> {
        self.lanes.iter().map(|(client, lane)| (client, lane.marks))
    }

    fn open(&mut self, client: &ClientId, offset: Offset, len: u64) -> Result<(), Refused> {
        let refused = |code, answer| Refused { code, expected: Offset::new(0), answer };
        if offset > Offset::new(0) {
            let answer = self.told.as_ref() != Some(client);
            self.told = Some(client.clone());
            return Err(refused(Code::InputGap, answer));
        }
        if len > INPUT_WINDOW_BYTES {
            return Err(refused(Code::InputWindowExceeded, true));
        }
        if self.lanes.len() >= LANES_PER_SESSION {
            let idle = self.longest_idle().ok_or(refused(Code::ResourceExhausted, true))?;
            self.lanes.remove(&idle);
        }
        self.lanes.insert(client.clone(), Lane::default());
        Ok(())
    }

    /// The lane to replace: without a viewer, and with nothing queued whose mark would be lost.
    fn longest_idle(&self) -> Option<ClientId> {
        self.lanes
            .iter()
            .filter(|(_, lane)| !lane.viewed && lane.marks.accepted == lane.marks.written)
            .min_by_key(|(_, lane)| lane.used)
            .map(|(client, _)| client.clone())
    }
}

impl Lane {
    fn judge(&mut self, offset: Offset, len: u64) -> Result<Accepted, Refused> {
        let Marks { accepted, written } = self.marks;
        if offset > accepted {
            return Err(self.refuse(Code::InputGap));
        }
        let end = offset.plus(len);
        if end.since(written) > INPUT_WINDOW_BYTES {
            return Err(self.refuse(Code::InputWindowExceeded));
        }
        self.refused = false;
        self.marks.accepted = accepted.max(end);
        let skip = accepted.since(offset).min(len);
        // It is at most `len`, which came from a usize.
        Ok(Accepted { skip: skip as usize, marks: self.marks })
    }

    fn refuse(&mut self, code: Code) -> Refused {
        let answer = !std::mem::replace(&mut self.refused, true);
        Refused { code, expected: self.marks.accepted, answer }
    }
}

#[cfg(test)]
mod tests;
