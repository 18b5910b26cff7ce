//! Sockets that come back with a resume ticket: they pass the limit of their address, so that an office
//! behind one address can come back after a restart, and take over the place of the one before.
//!
//! Whoever stole a ticket, or replays one, gains little: handshakes are counted by the first of the
//! connections that followed each other, and a ticket is worth nothing to another user.

use std::time::Duration;

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use termfleet_runtime::clock as wall;
use termfleet_session::role::Actor;
use termfleet_token::{RESUME_SECONDS, ResumeKey, ResumeTicket};

use super::{at_least_one, clock::SinceStart};

/// Handshakes a minute that pass by tickets of one chain of connections: a client that finds no server
/// tries every few seconds.
const PER_MINUTE: u32 = 30;

type Chains = RateLimiter<String, DashMapStateStore<String>, SinceStart, NoOpMiddleware<Duration>>;

/// What tickets are made and known by, and how often they were used.
#[derive(Debug)]
pub(super) struct Returning {
    key: ResumeKey,
    chains: Chains,
}

/// What a valid ticket says about the socket that showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return(ResumeTicket);

impl Return {
    /// The connection whose place the socket takes over.
    #[must_use]
    pub fn replaces(&self) -> &str {
        &self.0.connection
    }

    /// The first connection of the chain.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.0.first
    }

    /// Was the ticket given to them?
    pub(super) fn is_of(&self, actor: &Actor) -> bool {
        (&self.0.tenant, &self.0.user) == (&actor.tenant, &actor.user)
    }
}

impl Returning {
    pub(super) fn new(key: ResumeKey, clock: SinceStart) -> Self {
        let per_minute = Quota::per_minute(at_least_one(PER_MINUTE));
        Self { key, chains: RateLimiter::dashmap_with_clock(per_minute, clock) }
    }

    /// What this text says, if it is a ticket of ours that is not late.
    pub(super) fn read(&self, ticket: &str) -> Option<Return> {
        self.key.open(ticket, wall::now_unix()).map(Return)
    }

    /// Counts a handshake with it. False: there were so many that it is a handshake like any other.
    pub(super) fn passes(&self, returning: &Return) -> bool {
        self.chains.check_key(&returning.0.first).is_ok()
    }

    /// A ticket for whoever is on this connection, which is the first of its chain or follows it.
    pub(super) fn ticket(&self, actor: &Actor, connection: &str, first: &str) -> String {
        self.key.seal(&ResumeTicket {
            tenant: actor.tenant.clone(),
            user: actor.user.clone(),
            connection: connection.to_owned(),
            first: first.to_owned(),
            expires_at: wall::now_unix().saturating_add(RESUME_SECONDS),
        })
    }

    /// Forgets chains that are back at rest.
    pub(super) fn tidy(&self) {
        self.chains.retain_recent();
        self.chains.shrink_to_fit();
    }
}
