//! How one client is given snapshots of the screen: what they bring, and how fast.

use termfleet_proto::ws::frame::Reason;

/// How a client is given snapshots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How much scrollback those bring that stand for output which it has not got.
    pub(crate) snapshot: u32,
    /// The same of those that come because the size has changed.
    pub(crate) redraw: u32,
    /// Its gateway says when it has handed on a part of one.
    pub(crate) reports_parts: bool,
}

impl Manner {
    /// How much scrollback one brings that is sent for a reason.
    pub(crate) fn rows(self, reason: Reason) -> u32 {
        if reason == Reason::Resized { self.redraw } else { self.snapshot }
    }
}
