//! Who is let in, and how often: connections and upgrades by address, sockets and requests by user.
//!
//! Addresses are asked before anybody knows who sends, users after. What one socket may then send
//! is counted in [`ConnectionLimits`]. Addresses and sockets' messages are this gateway's own counts;
//! users are counted over the whole cluster, in the store.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use termfleet_runtime::Drain;
use termfleet_session::{
    code::{Code, Refusal},
    role::Actor,
};
use termfleet_store::{Rate, Rates, Sockets};
use termfleet_token::ResumeKey;
use tokio::{sync::watch, time};

use crate::{
    config::{Limits, Network},
    metrics::StoodIn,
};

mod clock;
mod places;
mod requests;
mod returning;
mod socket;
mod standby;

use self::{clock::SinceStart, places::UserSockets, requests::Requests, returning::Returning};
pub use self::{places::SocketPlace, returning::Return, socket::ConnectionLimits};

/// How often counts that are back at rest are forgotten: an address is back after a minute.
const UPKEEP: Duration = Duration::from_secs(30);
/// An IPv6 customer has at least a /64: a limit by single address would be none.
const IPV6_PREFIX: u32 = 64;

type Handshakes =
    RateLimiter<IpAddr, DashMapStateStore<IpAddr>, SinceStart, NoOpMiddleware<Duration>>;

/// What counts over the whole cluster, and how often the gateway had to do without.
pub struct Shared {
    /// How often somebody may.
    pub rates: Arc<dyn Rates>,
    /// How many sockets they have.
    pub sockets: Arc<dyn Sockets>,
    /// What their resume tickets are known by.
    pub resume: ResumeKey,
    /// Decisions that the gateway took alone.
    pub stood_in: StoodIn,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The gateway's counts of addresses and users.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    /// `--no-auth`: everybody is one user at one address, so limits by either would be of all.
    lifted: bool,
    proxies: Vec<Network>,
    clock: SinceStart,
    handshakes: Handshakes,
    returning: Returning,
    requests: Requests,
    sockets: UserSockets,
    connections: Places<IpAddr>,
}

/// An address's place among its connections, for as long as it lives.
#[derive(Debug)]
pub struct ConnectionPlace(
    #[allow(dead_code, reason = "it is only dropped")] Option<Place<IpAddr>>,
);

impl Admission {
    /// Nobody is here yet. `lifted` takes the limits by user and by address away; proxies speak
    /// for many addresses, so their own connections are not counted.
    #[must_use]
    pub fn new(limits: Limits, proxies: Vec<Network>, lifted: bool, shared: Shared) -> Self {
        let clock = SinceStart::now();
        let per_minute = Quota::per_minute(at_least_one(limits.handshakes_per_minute));
        let Shared { rates, sockets, resume, stood_in } = shared;
        let most = limits.sockets_per_user;
        let rate = Rate::new(limits.max_requests, limits.requests_window);
        Self {
            returning: Returning::new(resume, clock.clone()),
            requests: Requests::new(rates, rate, stood_in.requests, clock.clone()),
            handshakes: RateLimiter::dashmap_with_clock(per_minute, clock.clone()),
            limits,
            lifted,
            proxies,
            clock,
            sockets: UserSockets::new(sockets, most, stood_in.sockets),
            connections: Places::default(),
        }
    }

    /// May this address open another connection? `None`: it has all that it may have.
    #[must_use]
    pub fn connection(&self, peer: IpAddr) -> Option<ConnectionPlace> {
        if self.lifted || self.proxies.iter().any(|proxy| proxy.contains(peer)) {
            return Some(ConnectionPlace(None));
        }
        let place = self.connections.take(block(peer), self.limits.connections_per_address)?;
        Some(ConnectionPlace(Some(place)))
    }

    /// May this address upgrade another connection? With a resume ticket it may, however often it
    /// has; what is no valid one is ignored. Answers what the ticket says: whose it is shows later.
    ///
    /// # Errors
    /// `RATE_LIMITED` with the time until it may.
    pub fn handshake(
        &self,
        address: IpAddr,
        ticket: Option<&str>,
    ) -> Result<Option<Return>, Refusal> {
        if self.lifted {
            return Ok(None);
        }
        let returning = ticket.and_then(|ticket| self.returning.read(ticket));
        if !returning.as_ref().is_some_and(|returning| self.returning.passes(returning)) {
            self.count(address)?;
        }
        Ok(returning)
    }

    /// What a ticket that passed is worth to whoever has signed in since: another user's is nothing,
    /// and its handshake is counted after all.
    ///
    /// # Errors
    /// As [`Admission::handshake`].
    pub fn returned(
        &self,
        returning: Option<Return>,
        actor: &Actor,
        address: IpAddr,
    ) -> Result<Option<Return>, Refusal> {
        match returning {
            Some(returning) if !returning.is_of(actor) => self.count(address).map(|()| None),
            known => Ok(known),
        }
    }

    /// A resume ticket for whoever is on this connection, the first of its chain or one that follows
    /// it; none where nothing is counted.
    #[must_use]
    pub fn ticket(&self, actor: &Actor, connection: &str, first: &str) -> Option<String> {
        (!self.lifted).then(|| self.returning.ticket(actor, connection, first))
    }

    fn count(&self, address: IpAddr) -> Result<(), Refusal> {
        self.handshakes.check_key(&block(address)).map_err(|until| {
            limited(
                "too many connections from this address",
                until.wait_time_from(self.clock.read()),
            )
        })
    }

    /// Counts a REST request of this user.
    ///
    /// # Errors
    /// `RATE_LIMITED` with the time until the next is taken.
    pub async fn request(&self, actor: &Actor) -> Result<(), Refusal> {
        if self.lifted {
            return Ok(());
        }
        self.requests.count(actor).await
    }

    /// May this user have another socket, on this connection? One that replaces another of theirs
    /// takes its place over, and may also at the limit.
    ///
    /// # Errors
    /// `RATE_LIMITED`: close one first.
    pub async fn socket(
        &self,
        actor: &Actor,
        connection: &str,
        replaces: Option<&str>,
    ) -> Result<SocketPlace, Refusal> {
        if self.lifted {
            return Ok(SocketPlace::uncounted());
        }
        self.sockets.take(actor, connection, replaces).await
    }

    /// Keeps the places of sockets, until the gateway has drained and the last one is gone. `losses`
    /// tells when the store may have forgotten them.
    pub async fn keep_sockets(&self, drain: Drain, losses: watch::Receiver<u64>) {
        self.sockets.keep(drain, losses).await;
    }

    /// The counts of one new socket.
    #[must_use]
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits::new(&self.limits, self.clock.clone())
    }

    /// Forgets addresses and users that are back at rest, for ever.
    pub async fn upkeep(&self) {
        let mut turns = time::interval(UPKEEP);
        loop {
            turns.tick().await;
            self.handshakes.retain_recent();
            self.handshakes.shrink_to_fit();
            self.requests.tidy();
            self.returning.tidy();
        }
    }
}

/// A refusal by rate, with the hint that it owes.
fn limited(text: &str, wait: Duration) -> Refusal {
    // Rounded up, or whoever comes just then would come too early.
    let ms = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    Refusal::new(Code::RateLimited, text).retry_after(ms.max(1))
}

/// A limit of 0 would be a gateway that serves nobody: it is taken as 1.
fn at_least_one(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
}

/// What is counted as one address.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> (128 - IPV6_PREFIX) << (128 - IPV6_PREFIX);
            Ipv6Addr::from_bits(network).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// How many places each key has taken; keys with none are not kept.
#[derive(Debug, Clone)]
struct Places<K: Eq + Hash>(Arc<Mutex<HashMap<K, u32>>>);

impl<K: Eq + Hash> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone> Places<K> {
    fn take(&self, key: K, most: u32) -> Option<Place<K>> {
        let mut taken = self.lock();
        let count = taken.entry(key.clone()).or_default();
        if *count >= most.max(1) {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), key })
    }
}

impl<K: Eq + Hash> Places<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, u32>> {
        // The map is whole between any two statements that hold the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place; it is free again when this is dropped.
#[derive(Debug)]
struct Place<K: Eq + Hash> {
    places: Places<K>,
    key: K,
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
