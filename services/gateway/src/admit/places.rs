//! The sockets of each user, counted over the whole cluster: a leased place in the store for each, and
//! this gateway's own book of those that it holds.
//!
//! The book is what the lease is renewed from, what counts while the store is silent, and what puts
//! places back that the store has lost. One task keeps the two alike; so a place that is given back is
//! never renewed by a call that was under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use prometheus_client::metrics::counter::Counter;
use termfleet_runtime::Drain;
use termfleet_session::{code::Refusal, role::Actor};
use termfleet_store::{SocketUser, Sockets, sockets::PLACE_MS};
use tokio::{
    sync::{Notify, watch},
    time::{self, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{limited, standby::Standby};

/// What the limit is called in metrics.
pub(super) const SOCKETS: &str = "sockets";
/// How often places are renewed: two renewals may be lost before a place is.
const RENEWAL: Duration = Duration::from_millis(PLACE_MS / 3);
/// Users whose places are renewed or freed at once: enough to keep one connection busy, and few beside
/// what it may have in flight.
const AT_ONCE: usize = 64;
/// When somebody who has all their sockets should try again: nobody knows when one closes, and a
/// reload's old socket is gone within a second.
const SOCKET_RETRY: Duration = Duration::from_secs(1);

/// The sockets of users. Clones share them.
#[derive(Clone)]
pub(super) struct UserSockets(Arc<Shared>);

struct Shared {
    store: Arc<dyn Sockets>,
    most: u32,
    standby: Standby,
    /// Held for a few look-ups, never while the store is asked.
    book: Mutex<Book>,
    /// Somebody has left.
    left: Notify,
}

/// The sockets that this gateway holds.
#[derive(Default)]
struct Book {
    held: HashMap<SocketUser, HashMap<String, Held>>,
    /// Places to be given back.
    leaving: HashMap<SocketUser, Vec<String>>,
}

/// A socket that this gateway holds.
#[derive(Default)]
struct Held {
    standing: Standing,
    /// Tells it that another has its place.
    told: CancellationToken,
}

/// Seated → Replaced → Late. A socket is told at the second turn: until then its client may be on the
/// way to the one that replaced it.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has a place.
    #[default]
    Seated,
    /// Another has its place.
    Replaced,
    /// It was so a turn ago already.
    Late,
}

/// A user's place among their sockets, for as long as it lives.
pub struct SocketPlace(Option<Place>);

struct Place {
    sockets: UserSockets,
    user: SocketUser,
    socket: String,
    told: CancellationToken,
}

impl std::fmt::Debug for UserSockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSockets").field("most", &self.0.most).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SocketPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SocketPlace")
    }
}

impl SocketPlace {
    /// The place of somebody whose sockets are not counted.
    pub(super) fn uncounted() -> Self {
        Self(None)
    }

    /// Ends once another socket has taken this place over and had time to. Cancel-safe.
    pub async fn replaced(&self) {
        match &self.0 {
            Some(place) => place.told.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sockets.lock().leave(&self.user, &self.socket);
        self.sockets.0.left.notify_one();
    }
}

impl UserSockets {
    pub(super) fn new(store: Arc<dyn Sockets>, most: u32, decided: Counter) -> Self {
        Self(Arc::new(Shared {
            store,
            // A limit of nothing would be a gateway that serves nobody.
            most: most.max(1),
            standby: Standby::new(SOCKETS, decided),
            book: Mutex::default(),
            left: Notify::new(),
        }))
    }

    /// Finds a place for a socket of this user, be it that of the one that it replaces.
    pub(super) async fn take(
        &self,
        actor: &Actor,
        socket: &str,
        replaces: Option<&str>,
    ) -> Result<SocketPlace, Refusal> {
        let user = SocketUser { tenant: actor.tenant.clone(), user: actor.user.clone() };
        // What this gateway holds counts whatever the store knows: it may have lost it.
        let told = self.lock().hold(&user, socket, replaces, self.0.most);
        let told = told.ok_or_else(|| self.full())?;
        let (sockets, socket) = (self.clone(), socket.to_owned());
        // From here on the place is given back, however this ends.
        let place = Place { sockets, user, socket, told };
        if !self.has_room(&place, replaces).await {
            return Err(self.full());
        }
        if let Some(other) = replaces {
            self.lock().replace(&place.user, other);
        }
        Ok(SocketPlace(Some(place)))
    }

    /// Does the store have a place for it? Where it says nothing, the gateway's own count has.
    async fn has_room(&self, place: &Place, replaces: Option<&str>) -> bool {
        let Shared { store, most, standby, .. } = &*self.0;
        if !standby.stands_in() {
            let taken = store.take_place(&place.user, &place.socket, replaces, *most).await;
            if let Some(taken) = standby.heard(taken) {
                return taken;
            }
        }
        standby.decided();
        true
    }

    /// Keeps the store's places and this gateway's sockets alike, until the gateway has drained and
    /// nobody is left.
    pub(super) async fn keep(&self, drain: Drain, mut losses: watch::Receiver<u64>) {
        let mut turns = time::interval(RENEWAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut draining = false;
        while !draining || !self.lock().is_empty() {
            tokio::select! {
                _ = turns.tick() => {
                    self.lock().tell_replaced();
                    self.renew().await;
                }
                // The store may have forgotten everything.
                Ok(()) = losses.changed() => self.renew().await,
                () = self.0.left.notified() => self.free().await,
                () = drain.draining(), if !draining => draining = true,
            }
        }
    }

    /// Renews the places of all; once the store fails, the rest would be in vain.
    async fn renew(&self) {
        let held = self.lock().standing();
        stream::iter(held)
            .for_each_concurrent(AT_ONCE, |(user, sockets)| self.renew_of(user, sockets))
            .await;
    }

    async fn renew_of(&self, user: SocketUser, sockets: Vec<String>) {
        if self.0.standby.stands_in() {
            return;
        }
        let renewed = self.0.store.renew_places(&user, &sockets).await;
        for replaced in self.0.standby.heard(renewed).unwrap_or_default() {
            self.lock().replace(&user, &replaced);
        }
    }

    /// Gives back the places of those who left.
    async fn free(&self) {
        let leaving = std::mem::take(&mut self.lock().leaving);
        stream::iter(leaving)
            .for_each_concurrent(AT_ONCE, |(user, sockets)| self.free_of(user, sockets))
            .await;
    }

    async fn free_of(&self, user: SocketUser, sockets: Vec<String>) {
        // What cannot be freed goes by itself.
        if !self.0.standby.stands_in() {
            self.0.standby.heard(self.0.store.free_places(&user, &sockets).await);
        }
    }

    fn full(&self) -> Refusal {
        limited(&format!("you have your {} sockets already", self.0.most), SOCKET_RETRY)
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // The book is whole between any two statements that hold the lock.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Notes a socket, if its user may have another here; answers what tells it that it is replaced.
    fn hold(
        &mut self,
        user: &SocketUser,
        socket: &str,
        replaces: Option<&str>,
        most: u32,
    ) -> Option<CancellationToken> {
        let held = self.held.entry(user.clone()).or_default();
        let counts = |(name, held): &(&String, &Held)| {
            held.standing == Standing::Seated && Some(name.as_str()) != replaces
        };
        if held.iter().filter(counts).count() >= most as usize {
            return None;
        }
        let new = Held::default();
        let told = new.told.clone();
        held.insert(socket.to_owned(), new);
        Some(told)
    }

    /// Another has this one's place.
    fn replace(&mut self, user: &SocketUser, socket: &str) {
        if let Some(held) = self.held.get_mut(user).and_then(|held| held.get_mut(socket))
            && held.standing == Standing::Seated
        {
            held.standing = Standing::Replaced;
        }
    }

    /// Those that were replaced before the last turn are told now.
    fn tell_replaced(&mut self) {
        for held in self.held.values_mut().flat_map(HashMap::values_mut) {
            match held.standing {
                Standing::Seated => {}
                Standing::Replaced => held.standing = Standing::Late,
                Standing::Late => held.told.cancel(),
            }
        }
    }

    /// A socket has ended.
    fn leave(&mut self, user: &SocketUser, socket: &str) {
        if let Some(held) = self.held.get_mut(user) {
            held.remove(socket);
            if held.is_empty() {
                self.held.remove(user);
            }
        }
        self.leaving.entry(user.clone()).or_default().push(socket.to_owned());
    }

    /// The sockets that have places.
    fn standing(&self) -> Vec<(SocketUser, Vec<String>)> {
        let named = |held: &HashMap<String, Held>| {
            let standing = held.iter().filter(|(_, held)| held.standing == Standing::Seated);
            standing.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let all = self.held.iter().map(|(user, held)| (user.clone(), named(held)));
        all.filter(|(_, sockets)| !sockets.is_empty()).collect()
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.leaving.is_empty()
    }
}
