//! The store of one process: everything in memory behind one short lock.
//!
//! It serves `dev` and tests, and it is the model that the shared store is held against. Nothing
//! outlives the process; a worker that comes back asserts its sessions. Here is the lock, the clock
//! and the bus; what happens under the lock is in `book`, `records`, `focus` and `places`.

mod book;
mod focus;
mod messages;
mod places;
mod rates;
mod records;
mod repeats;
mod sockets;
mod sweep;
mod tickets;
mod workers;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use termfleet_session::{
    focus::{Change as FocusChange, FocusSet},
    ids::{Alias, Epoch, FocusVersion, Generation, ProjectId, SessionId, TenantId, UserId},
    record::{Owner, Patch, Session},
};
use tokio::sync::watch;

use self::{
    book::Book, messages::Memories, rates::Counts, sockets::Seating, sweep::Leader,
    tickets::Drawer, workers::Fleet,
};
use crate::{
    bus::{Bus, Subject, Subscription, Topics},
    change::Change,
    clock::{Clock, SystemClock},
    directory::{Directory, Fence, Reservation, Timings, Touch, Untouched},
    error::StoreError,
    focus::Focus,
    messages::{Heard, Message, Messages},
    page::{Listing, Page},
    rates::{Rate, Rates, Scope, Taken},
    repeat::Request,
    rule::Now,
    sockets::{SocketUser, Sockets},
    sweep::{Lease, Sweeps},
    tickets::{Bearer, Ticket, Tickets},
    workers::{Registration, Workers},
};

/// Sessions of one process.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    topics: Topics,
    /// Never grows: what is in memory is lost with the process alone.
    losses: watch::Sender<u64>,
    // Every operation is a few look-ups under this lock, and none waits while it is held.
    book: Mutex<Book>,
    // Apart from the book: no operation touches both.
    fleet: Mutex<Fleet>,
    tickets: Mutex<Drawer>,
    messages: Mutex<Memories>,
    rates: Mutex<Counts>,
    seating: Mutex<Seating>,
    leader: Mutex<Leader>,
    lease_ms: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Timings::default(), Arc::new(SystemClock))
    }

    /// An empty store with other timings, on another clock.
    #[must_use]
    pub fn with(timings: Timings, clock: Arc<dyn Clock>) -> Self {
        let (topics, losses) = (Topics::default(), watch::Sender::default());
        let lease_ms = timings.lease_ms;
        let book = Mutex::new(Book::new(timings));
        Self {
            clock,
            topics,
            losses,
            book,
            fleet: Mutex::default(),
            tickets: Mutex::default(),
            messages: Mutex::default(),
            rates: Mutex::default(),
            seating: Mutex::default(),
            leader: Mutex::default(),
            lease_ms,
        }
    }

    fn with_fleet<T>(&self, operation: impl FnOnce(&mut Fleet, u64) -> T) -> T {
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        operation(&mut fleet, self.clock.now_ms())
    }

    fn with_seating<T>(&self, operation: impl FnOnce(&mut Seating, u64) -> T) -> T {
        let mut seating = self.seating.lock().unwrap_or_else(PoisonError::into_inner);
        operation(&mut seating, self.clock.now_ms())
    }

    /// One operation: what has expired by now goes first, and hints leave in the order of writes.
    fn with_book<T>(&self, operation: impl FnOnce(&mut Book, Now) -> T) -> T {
        // A panic under the lock would be a bug in `book`; refusing everybody ever after would be
        // worse than going on with what it left.
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that a slow thread cannot bring an older time than the last one.
        let now = Now::of(self.clock.now_ms());
        book.expire(now);
        let answer = operation(&mut book, now);
        for (subject, hint) in book.hints() {
            self.topics.publish(&subject, hint);
        }
        answer
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn reserve(&self, reservation: &Reservation) -> Result<(), StoreError> {
        self.with_book(|book, now| book.reserve(reservation, now))
    }

    async fn cancel(&self, reservation: &Reservation) -> Result<(), StoreError> {
        self.with_book(|book, _| book.cancel(&reservation.id));
        Ok(())
    }

    async fn commit(&self, session: Session) -> Result<Session, StoreError> {
        self.with_book(|book, now| book.commit(session, now))
    }

    async fn get(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.with_book(|book, _| book.get(id).cloned()))
    }

    async fn resolve_alias(
        &self,
        tenant: &TenantId,
        alias: &Alias,
    ) -> Result<Option<SessionId>, StoreError> {
        Ok(self.with_book(|book, _| book.resolve_alias(tenant, alias).cloned()))
    }

    async fn list_project(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        page: &Page,
    ) -> Result<Listing, StoreError> {
        let sessions = self.with_book(|book, _| book.of_project(tenant, project));
        Ok(page.cut(sessions))
    }

    async fn list_user(
        &self,
        tenant: &TenantId,
        user: &UserId,
        page: &Page,
    ) -> Result<Listing, StoreError> {
        let sessions = self.with_book(|book, _| book.of_user(tenant, user));
        Ok(page.cut(sessions))
    }

    async fn patch(&self, id: &SessionId, patch: Patch) -> Result<Session, StoreError> {
        self.with_book(|book, now| book.patch(id, patch, now))
    }

    async fn update(
        &self,
        id: &SessionId,
        fence: &Fence,
        change: Change,
    ) -> Result<Session, StoreError> {
        self.with_book(|book, now| book.update(id, fence, change, now))
    }

    async fn touch(&self, owner: &Owner, batch: &[Touch]) -> Result<Vec<Untouched>, StoreError> {
        Ok(self.with_book(|book, now| {
            let mut untouched = Vec::new();
            for touch in batch {
                if let Err(error) = book.touch(owner, touch, now) {
                    untouched.push(Untouched { id: touch.id.clone(), error });
                }
            }
            untouched
        }))
    }

    async fn assert(&self, session: Session) -> Result<Session, StoreError> {
        self.with_book(|book, now| book.assert(session, now))
    }

    async fn claim(
        &self,
        id: &SessionId,
        seen: Epoch,
        owner: Owner,
    ) -> Result<Session, StoreError> {
        self.with_book(|book, now| book.claim(id, seen, owner, now))
    }

    async fn begin(&self, request: &Request, id: &SessionId) -> Result<SessionId, StoreError> {
        self.with_book(|book, now| book.begin(request, id, now))
    }

    async fn forget(&self, request: &Request, id: &SessionId) -> Result<(), StoreError> {
        self.with_book(|book, _| book.forget(request, id));
        Ok(())
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(book.sweep(Now::of(self.clock.now_ms())))
    }
}

#[async_trait]
impl Focus for MemoryStore {
    async fn focused(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<FocusSet, StoreError> {
        Ok(self.with_book(|book, _| book.focused(tenant, project)))
    }

    async fn refocus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        seen: FocusVersion,
        change: &FocusChange,
    ) -> Result<Vec<FocusSet>, StoreError> {
        self.with_book(|book, now| book.refocus(tenant, project, seen, change, now))
    }

    async fn assert_focus(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        set: &FocusSet,
    ) -> Result<FocusSet, StoreError> {
        Ok(self.with_book(|book, _| book.assert_focus(tenant, project, set)))
    }
}

#[async_trait]
impl Workers for MemoryStore {
    async fn register(&self, worker: &Registration) -> Result<(), StoreError> {
        self.with_fleet(|fleet, now_ms| fleet.register(worker, now_ms, self.lease_ms))
    }

    async fn deregister(&self, owner: &Owner, generation: Generation) -> Result<(), StoreError> {
        self.with_fleet(|fleet, _| fleet.deregister(owner, generation))
    }

    async fn workers(&self) -> Result<Vec<Registration>, StoreError> {
        Ok(self.with_fleet(|fleet, now_ms| fleet.alive(now_ms)))
    }
}

#[async_trait]
impl Sweeps for MemoryStore {
    async fn take_sweep(&self, holder: &str, lease_ms: u64) -> Result<Lease, StoreError> {
        let mut leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(leader.take(holder, lease_ms, self.clock.now_ms()))
    }

    async fn leave_sweep(&self, holder: &str) -> Result<(), StoreError> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner).leave(holder);
        Ok(())
    }
}

#[async_trait]
impl Bus for MemoryStore {
    async fn subscribe(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<Subscription, StoreError> {
        Ok(self.topics.subscribe(Subject::Project(tenant.clone(), project.clone())))
    }

    async fn subscribe_creations(&self, tenant: &TenantId) -> Result<Subscription, StoreError> {
        Ok(self.topics.subscribe(Subject::Creations(tenant.clone())))
    }

    fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }
}

#[async_trait]
impl Tickets for MemoryStore {
    async fn issue(&self, ticket: &Ticket, bearer: &Bearer) -> Result<(), StoreError> {
        let mut drawer = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        drawer.issue(ticket, bearer, self.clock.now_ms());
        Ok(())
    }

    async fn redeem(&self, ticket: &Ticket) -> Result<Option<Bearer>, StoreError> {
        let mut drawer = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(drawer.redeem(ticket, self.clock.now_ms()))
    }
}

#[async_trait]
impl Messages for MemoryStore {
    async fn hear(&self, message: &Message) -> Result<Heard, StoreError> {
        let mut memories = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        memories.hear(message, self.clock.now_ms())
    }

    async fn answer(&self, message: &Message, answer: &str) -> Result<(), StoreError> {
        let mut memories = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        memories.answer(message, answer);
        Ok(())
    }

    async fn unhear(&self, message: &Message) -> Result<(), StoreError> {
        let mut memories = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        memories.unhear(message);
        Ok(())
    }
}

#[async_trait]
impl Rates for MemoryStore {
    async fn take(&self, scope: &Scope, rate: Rate, cost: u32) -> Result<Taken, StoreError> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rates.take(scope, rate, cost, self.clock.now_ms()))
    }
}

#[async_trait]
impl Sockets for MemoryStore {
    async fn take_place(
        &self,
        user: &SocketUser,
        socket: &str,
        replaces: Option<&str>,
        most: u32,
    ) -> Result<bool, StoreError> {
        Ok(self.with_seating(|seating, now| seating.take(user, socket, replaces, most, now)))
    }

    async fn renew_places(
        &self,
        user: &SocketUser,
        sockets: &[String],
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.with_seating(|seating, now| seating.renew(user, sockets, now)))
    }

    async fn free_places(&self, user: &SocketUser, sockets: &[String]) -> Result<(), StoreError> {
        self.with_seating(|seating, _| seating.free(user, sockets));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
