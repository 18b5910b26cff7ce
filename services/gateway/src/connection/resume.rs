//! Coming back: the ticket that a socket was opened with, and those that it gives its client.

use std::{net::IpAddr, time::Duration};

use termfleet_session::code::Refusal;
use tokio::time::Instant;

use super::{Connection, voice::Voice};
use crate::admit::Return;

/// How old a client's newest ticket may be before it gets another. Heartbeats come every 25 s at the
/// latest, so none is older than 45 s, of the 60 s that it is good for.
const FRESH: Duration = Duration::from_secs(20);

/// A socket's way back.
#[derive(Debug)]
pub(super) struct Resume {
    /// What the ticket says that it was opened with.
    returning: Option<Return>,
    /// The client's address, which its handshakes are counted by.
    peer: IpAddr,
    /// When the newest ticket was given.
    given: Option<Instant>,
}

impl Resume {
    pub(super) fn new(returning: Option<Return>, peer: IpAddr) -> Self {
        Self { returning, peer, given: None }
    }

    /// Is a ticket due? If so it counts as given.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.given.is_none_or(|given| now - given > FRESH);
        if is_due {
            self.given = Some(now);
        }
        is_due
    }
}

impl Connection {
    /// The client has signed in by its first message: is the ticket that it came with its own?
    /// Answers whose place it takes over.
    ///
    /// # Errors
    /// `RATE_LIMITED` if it is not, and its address has no handshake left.
    pub(super) fn check_ticket(&mut self) -> Result<Option<String>, Refusal> {
        let (returning, peer) = (self.resume.returning.take(), self.resume.peer);
        let returning = self.edge.admission.returned(returning, self.actor()?, peer)?;
        let replaces = returning.as_ref().map(|returning| returning.replaces().to_owned());
        self.resume.returning = returning;
        Ok(replaces)
    }

    /// A ticket to come back with, if the client's newest is not fresh any more.
    pub(super) fn fresh_ticket(&mut self) -> Option<String> {
        if !matches!(self.voice, Voice::Canonical) || !self.resume.is_due(Instant::now()) {
            return None;
        }
        let first = self.resume.returning.as_ref().map_or(&*self.id, Return::first);
        self.edge.admission.ticket(self.actor().ok()?, &self.id, first)
    }
}

#[cfg(test)]
mod tests {
    //! When a client is given another ticket.

    use termfleet_token::RESUME_SECONDS;

    use super::*;

    #[test]
    fn a_ticket_is_due_at_once_and_when_the_last_is_not_fresh_any_more() {
        let (mut resume, start) = (Resume::new(None, [127, 0, 0, 1].into()), Instant::now());
        assert!(resume.is_due(start));
        assert!(!resume.is_due(start + FRESH));
        let late = start + FRESH + Duration::from_millis(1);
        assert!(resume.is_due(late));
        assert!(!resume.is_due(late), "once");
        assert!(!resume.is_due(late + FRESH));
    }

    #[test]
    fn whenever_a_connection_breaks_the_newest_ticket_is_good() {
        // The slowest heartbeat that asks for tickets, `protocol.md` §6.
        let heartbeat = Duration::from_secs(25);
        let good = Duration::from_secs(u64::try_from(RESUME_SECONDS).unwrap());
        assert!(FRESH + heartbeat < good);
    }
}
