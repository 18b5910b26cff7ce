//! The tickets that the memory store knows. Pure; time comes in.

use std::collections::{HashMap, VecDeque};

use termfleet_session::ids::{TenantId, UserId};

use crate::tickets::{Bearer, TICKET_MS, TICKETS_PER_USER, Ticket};

/// Tickets that are out, by user and in the order in which they go.
#[derive(Debug, Default)]
pub(super) struct Drawer {
    users: HashMap<(TenantId, UserId), VecDeque<Out>>,
}

#[derive(Debug)]
struct Out {
    digest: [u8; 32],
    bearer: Bearer,
    until_ms: u64,
}

impl Drawer {
    pub(super) fn issue(&mut self, ticket: &Ticket, bearer: &Bearer, now_ms: u64) {
        self.expire(now_ms);
        let Ticket { tenant, user, digest } = ticket.clone();
        let out = self.users.entry((tenant, user)).or_default();
        if out.len() == TICKETS_PER_USER {
            out.pop_front();
        }
        let until_ms = now_ms.saturating_add(TICKET_MS);
        out.push_back(Out { digest, bearer: bearer.clone(), until_ms });
    }

    pub(super) fn redeem(&mut self, ticket: &Ticket, now_ms: u64) -> Option<Bearer> {
        self.expire(now_ms);
        let Ticket { tenant, user, digest } = ticket.clone();
        let out = self.users.get_mut(&(tenant, user))?;
        let at = out.iter().position(|out| out.digest == digest)?;
        out.remove(at).map(|out| out.bearer)
    }

    fn expire(&mut self, now_ms: u64) {
        for out in self.users.values_mut() {
            while out.front().is_some_and(|out| out.until_ms <= now_ms) {
                out.pop_front();
            }
        }
        // Else every user ever seen would stay.
        self.users.retain(|_, out| !out.is_empty());
    }
}
