//! One worker as a gateway knows it: the connection, its links, its health, and what it last said
//! of itself.
//!
//! ```text
//!          registered                    nothing attached, no call for a minute
//!  (none) ───────────▶ awake ───────────────────────────────────────────────▶ asleep
//!                       ▲ │ another address or process: the links go there        │
//!                       │ └───────────────────────────────────────────┐           │
//!                       └─────────────────── used ────────────────────┴───────────┘
//! ```

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use termfleet_proto::{
    rest::workers::{Worker, WorkerState},
    worker_v1::worker_client::WorkerClient,
};
use termfleet_session::ids::WorkerId;
use termfleet_store::{Registration, Storage};
use tokio::{sync::watch, time::Instant};
use tonic::transport::{Channel, Endpoint};

use super::{
    attach::{Attach, Attachment},
    health::{self, Health},
    inbox::{Inbox, SeatKey},
    link::{Link, run},
    placement::Candidate,
    pool::Kit,
    reach::{Reach, Refused},
    standing::Standing,
    tuned,
};

/// How long a connection may take to stand: workers are in the gateway's own site, and somebody
/// waits for his session.
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// How a worker is reached.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// By a connection that the process has made.
    Given(Channel),
    /// By this address, which may be dialled.
    Dialled(Box<Endpoint>),
}

/// Where the links of a worker go at the moment.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// The connection; it is made when it is used.
    pub(super) channel: Channel,
    /// Links shall stand.
    pub(super) awake: bool,
}

/// One worker.
#[derive(Debug)]
pub(super) struct Member {
    id: WorkerId,
    links: Vec<Link>,
    course: watch::Sender<Course>,
    health: Arc<Health>,
    // Short and private. Attaching and falling asleep exclude each other by it.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    way: Way,
    /// What it said of itself; a worker that is given says nothing.
    registration: Option<Registration>,
    /// It is in the listing.
    listed: bool,
    /// It takes no new sessions, by its newest word.
    draining: bool,
    /// How it stood when that was last looked at, and since when.
    stood: (WorkerState, Timestamp),
    /// Creations sent to it since it last told its load.
    placed: u32,
    used: Instant,
}

impl Way {
    /// The way to an address of a registration.
    pub(super) fn to(address: &str, reach: &Reach) -> Result<Self, Refused> {
        reach.check(address)?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let endpoint = endpoint.map_err(|_| Refused::Malformed)?;
        Ok(Self::Dialled(Box::new(tuned(endpoint).connect_timeout(CONNECT_TIME))))
    }

    fn channel(&self) -> Channel {
        match self {
            Self::Given(channel) => channel.clone(),
            Self::Dialled(endpoint) => endpoint.connect_lazy(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dialled(one), Self::Dialled(other)) => one.uri() == other.uri(),
            (Self::Given(_) | Self::Dialled(_), _) => false,
        }
    }
}

impl Member {
    /// Begins to keep links to a worker; they end when this is dropped and nothing is attached.
    pub(super) fn start(
        kit: &Kit,
        id: &WorkerId,
        way: Way,
        registration: Option<&Registration>,
    ) -> Arc<Self> {
        let course = watch::Sender::new(Course { channel: way.channel(), awake: true });
        let health = Arc::new(Health::default());
        if registration.is_some() {
            let watching = health::watch(course.subscribe(), health.clone(), kit.drain.clone());
            drop(kit.tasks.spawn("health", watching));
        }
        kit.tally.add(id);
        let links = (0..kit.links).map(|_| {
            let link = Link::new(kit.key.clone());
            let standing = Standing::new(&kit.tally, id);
            let running = run::run(link.clone(), course.subscribe(), standing, kit.drain.clone());
            // Its end is waited for with all other tasks.
            drop(kit.tasks.spawn("link", running));
            link
        });
        let links = links.collect();
        let state = Mutex::new(State {
            way,
            registration: registration.cloned(),
            listed: true,
            draining: registration.is_some_and(|said| said.draining),
            stood: (WorkerState::Healthy, Timestamp::now()),
            placed: 0,
            used: Instant::now(),
        });
        Arc::new(Self { id: id.clone(), links, course, health, state })
    }

    /// A client for one call.
    pub(super) fn client(&self) -> WorkerClient<Channel> {
        drop(self.used());
        WorkerClient::new(self.course.borrow().channel.clone())
    }

    /// A client for one call that is no use of the worker: where it rests it rests on.
    pub(super) fn passing_client(&self) -> WorkerClient<Channel> {
        let state = self.lock();
        let course = self.course.borrow();
        WorkerClient::new(if course.awake { course.channel.clone() } else { state.way.channel() })
    }

    /// A client for a creation, which counts as load until the worker tells its own.
    pub(super) fn client_for_creation(&self) -> WorkerClient<Channel> {
        let mut state = self.used();
        state.placed = state.placed.saturating_add(1);
        drop(state);
        WorkerClient::new(self.course.borrow().channel.clone())
    }

    /// Takes a seat at a session, on the link that this number picks.
    pub(super) fn attach(
        &self,
        number: u64,
        attach: Attach,
        inbox: &Inbox,
        key: SeatKey,
    ) -> Option<Attachment> {
        let _awake = self.used();
        let at = usize::try_from(number % self.links.len().max(1) as u64).ok()?;
        Some(self.links.get(at)?.attach(attach, inbox, key))
    }

    /// As placement sees it; nobody who has left the listing.
    pub(super) fn candidate(&self) -> Option<Candidate> {
        let state = self.lock();
        if !state.listed {
            return None;
        }
        let id = self.id.clone();
        let Some(said) = &state.registration else {
            // It refuses by itself what it cannot take.
            return Some(Candidate {
                id,
                healthy: true,
                draining: state.draining,
                capacity: u32::MAX,
                load: 0,
                labels: Default::default(),
                backends: vec!["pty".to_owned()],
                storage: Storage::Shared,
            });
        };
        Some(Candidate {
            id,
            healthy: !self.health.is_bad(),
            draining: state.draining,
            capacity: said.capacity,
            load: said.load.saturating_add(state.placed),
            labels: said.labels.clone(),
            backends: said.backends.clone(),
            storage: said.storage,
        })
    }

    /// How it stands now.
    pub(super) fn stand(&self) -> WorkerState {
        self.look(&mut self.lock()).0
    }

    /// How many sessions it has, by its own word; none of one that has left the listing.
    pub(super) fn load(&self) -> Option<u32> {
        let state = self.lock();
        if state.listed { state.registration.as_ref().map(|said| said.load) } else { Some(0) }
    }

    /// As an administrator sees it.
    pub(super) fn shown(&self) -> Worker {
        let mut state = self.lock();
        let (stands, since) = self.look(&mut state);
        let said = state.registration.clone();
        let said = said.as_ref();
        Worker {
            id: self.id.to_string(),
            state: stands,
            since,
            incarnation: said.map(|said| said.owner.incarnation.to_string()),
            address: said.map(|said| said.address.clone()),
            capacity: said.map(|said| said.capacity),
            load: said.map(|said| said.load),
            labels: said.map(|said| said.labels.clone()).unwrap_or_default(),
            backends: said.map(|said| said.backends.clone()).unwrap_or_default(),
            storage: said.map(|said| said.storage.name().to_owned()),
        }
    }

    /// It answered whether it takes new sessions: that is newer than the listing.
    pub(super) fn told_draining(&self, draining: bool) {
        self.lock().draining = draining;
    }

    fn look(&self, state: &mut State) -> (WorkerState, Timestamp) {
        let stands = match (state.listed, state.draining, self.health.is_bad()) {
            (false, _, _) | (true, false, true) => WorkerState::Unreachable,
            // One that ends says both, and is still there.
            (true, true, _) => WorkerState::Draining,
            (true, false, false) => WorkerState::Healthy,
        };
        if state.stood.0 != stands {
            state.stood = (stands, Timestamp::now());
        }
        state.stood
    }

    pub(super) fn storage(&self) -> Storage {
        self.lock().registration.as_ref().map_or(Storage::Shared, |said| said.storage)
    }

    /// It said something of itself again. A new process may be elsewhere, and is there already:
    /// links that wait for it need not wait longer.
    pub(super) fn registered(&self, registration: &Registration, way: Way) {
        let mut state = self.lock();
        let moved = !state.way.is_same(&way);
        let known = state.registration.as_ref();
        let another = known.is_none_or(|known| {
            known.owner != registration.owner || known.generation != registration.generation
        });
        state.registration = Some(registration.clone());
        (state.listed, state.draining, state.placed) = (true, registration.draining, 0);
        if moved || another {
            let channel = way.channel();
            state.way = way;
            self.health.forget();
            self.course.send_modify(|course| course.channel = channel);
        }
    }

    /// It is no longer listed; answers whether it can be let go. One that is given stays.
    pub(super) fn vanished(&self) -> bool {
        let mut state = self.lock();
        if state.registration.is_none() {
            return false;
        }
        state.listed = false;
        self.is_idle()
    }

    /// Closes the connection if nothing has used it for so long. One that cannot be reached is tried
    /// on, so that it is known when it can.
    pub(super) fn rest(&self, now: Instant, idle: Duration) {
        let state = self.lock();
        let awake = self.course.borrow().awake;
        let given = matches!(state.way, Way::Given(_));
        let in_use = given || self.health.is_bad();
        if awake && !in_use && now.duration_since(state.used) >= idle && self.is_idle() {
            tracing::debug!(worker = %self.id, "nothing uses it: its connection is closed");
            let channel = state.way.channel();
            self.course.send_replace(Course { channel, awake: false });
        }
    }

    fn is_idle(&self) -> bool {
        self.links.iter().all(Link::is_idle)
    }

    /// Notes that it is used, and wakes it.
    fn used(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.used = Instant::now();
        self.course.send_if_modified(|course| !std::mem::replace(&mut course.awake, true));
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! When a worker rests, and what counts as its load.
    use termfleet_runtime::{Drain, Tasks};
    use termfleet_session::{
        ids::{Generation, Incarnation},
        record::Owner,
    };
    use termfleet_token::CapabilityKey;

    use super::*;
    use crate::upstream::standing::Tally;

    const IDLE: Duration = Duration::from_secs(60);

    fn registration(load: u32) -> Registration {
        let owner = Owner { worker: "w1".parse().unwrap(), incarnation: Incarnation::new([1; 16]) };
        Registration {
            owner,
            generation: Generation::new(1),
            address: "127.0.0.1:1".into(),
            capacity: 10,
            load,
            labels: Default::default(),
            backends: vec!["pty".into()],
            storage: Storage::Local,
            draining: false,
        }
    }

    fn way() -> Way {
        Way::to("127.0.0.1:1", &Reach::default()).unwrap()
    }

    fn member() -> Arc<Member> {
        let kit = Kit {
            key: CapabilityKey::generate().unwrap(),
            tasks: Tasks::new(),
            drain: Drain::new(),
            tally: Arc::new(Tally::default()),
            links: 1,
        };
        Member::start(&kit, &"w1".parse().unwrap(), way(), Some(&registration(0)))
    }

    fn is_awake(member: &Member) -> bool {
        member.course.borrow().awake
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_nothing_uses_rests_until_something_does() {
        let member = member();
        let started = Instant::now();
        member.rest(started + IDLE - Duration::from_millis(1), IDLE);
        assert!(is_awake(&member));
        member.rest(started + IDLE, IDLE);
        assert!(!is_awake(&member));
        drop(member.client());
        assert!(is_awake(&member));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_to_it_counts_until_it_tells_its_load() {
        let member = member();
        let load = || member.candidate().unwrap().load;
        drop(member.client_for_creation());
        drop(member.client_for_creation());
        drop(member.client());
        assert_eq!(load(), 2);
        member.registered(&registration(1), way());
        assert_eq!(load(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_the_listing_is_no_candidate_and_may_come_back() {
        let member = member();
        assert!(member.vanished(), "nothing is attached");
        assert!(member.candidate().is_none());
        member.registered(&registration(0), way());
        assert!(member.candidate().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn it_stands_as_it_says_since_it_does_and_out_of_the_listing_it_is_unreachable() {
        let member = member();
        let first = member.shown();
        assert_eq!((first.state, first.load), (WorkerState::Healthy, Some(0)));
        assert_eq!(member.shown().since, first.since);
        member.told_draining(true);
        assert!(member.candidate().unwrap().draining);
        let drained = member.shown();
        assert!(drained.state == WorkerState::Draining && drained.since >= first.since);
        // What was listed before it answered holds until it is listed again.
        member.registered(&Registration { draining: true, ..registration(3) }, way());
        assert_eq!((member.stand(), member.load()), (WorkerState::Draining, Some(3)));
        member.registered(&registration(3), way());
        assert_eq!(member.stand(), WorkerState::Healthy);
        assert!(member.vanished());
        assert_eq!((member.stand(), member.load()), (WorkerState::Unreachable, Some(0)));
    }
}
