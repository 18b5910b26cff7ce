//! The workers that a gateway reaches now: found in the store's listing, each with its links, and
//! let go when they have vanished and nothing is attached to them any more.
//!
//! The listing is read twice a second, and at once when a record names a worker that is not known.
//! While the store is away the pool stays as it is: attached sessions flow on.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use termfleet_runtime::{Drain, Tasks};
use termfleet_session::ids::WorkerId;
use termfleet_store::{Registration, Storage, Workers};
use termfleet_token::CapabilityKey;
use tokio::{
    sync::{Notify, watch},
    time::{self, Instant, MissedTickBehavior},
};

use super::{
    member::{Member, Way},
    metrics::UpstreamMetrics,
    placement::Candidate,
    reach::{Reach, Refused},
    standing::Tally,
};

/// How often the listing is read: a renewal's time, so that what is known is a lease's sixth old.
const READ_EVERY: Duration = Duration::from_millis(500);
/// The same when somebody asks for it: many may, about one worker.
const READ_AGAIN: Duration = Duration::from_millis(50);
/// How long a read may take; the next one may find the store better.
const READ_TIME: Duration = Duration::from_secs(2);
/// After this long without a session or a call the connection to a worker is closed.
const IDLE: Duration = Duration::from_secs(60);

/// What a member is made with.
#[derive(Debug, Clone)]
pub(super) struct Kit {
    /// Signs capabilities.
    pub(super) key: CapabilityKey,
    /// Where its tasks run.
    pub(super) tasks: Tasks,
    /// Whether the process goes.
    pub(super) drain: Drain,
    /// Who counts links that stand.
    pub(super) tally: Arc<Tally>,
    /// Links to one worker: one a core.
    pub(super) links: usize,
}

/// The members by name.
#[derive(Debug)]
pub(super) struct Pool {
    kit: Kit,
    reach: Reach,
    // Short and private: held for look-ups and insertions.
    members: Mutex<BTreeMap<WorkerId, Arc<Member>>>,
    /// Addresses that were refused the last time, so that each is told once.
    refused: Mutex<BTreeSet<String>>,
    /// Counts readings of the listing.
    rounds: watch::Sender<u64>,
    asked: Notify,
}

/// How the last reading went, for whoever reports how the gateway stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standings {
    /// The store answered.
    pub store: bool,
    /// Workers that can be asked for sessions.
    pub workers: usize,
}

impl Pool {
    pub(super) fn new(kit: Kit, reach: Reach) -> Arc<Self> {
        Arc::new(Self {
            kit,
            reach,
            members: Mutex::default(),
            refused: Mutex::default(),
            rounds: watch::Sender::new(0),
            asked: Notify::new(),
        })
    }

    /// Adds a worker that is always there.
    pub(super) fn add(&self, id: &WorkerId, way: Way) {
        self.members().insert(id.clone(), Member::start(&self.kit, id, way, None));
    }

    pub(super) fn get(&self, id: &WorkerId) -> Option<Arc<Member>> {
        self.members().get(id).cloned()
    }

    /// Everybody.
    pub(super) fn all(&self) -> Vec<(WorkerId, Arc<Member>)> {
        self.members().iter().map(|(id, member)| (id.clone(), Arc::clone(member))).collect()
    }

    /// Everybody, as placement sees them.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        self.members().values().filter_map(|member| member.candidate()).collect()
    }

    /// So many from there on, by name.
    pub(super) fn from(&self, from: Bound<&WorkerId>, most: usize) -> Vec<Arc<Member>> {
        let members = self.members();
        let range = members.range::<WorkerId, _>((from, Bound::Unbounded));
        range.take(most).map(|(_, member)| Arc::clone(member)).collect()
    }

    /// Everybody, by name.
    pub(super) fn everybody(&self) -> Vec<Arc<Member>> {
        self.members().values().cloned().collect()
    }

    /// Where workers have their projects' files.
    pub(super) fn storages(&self) -> Vec<Storage> {
        self.members().values().map(|member| member.storage()).collect()
    }

    /// How often the listing was read, and a word when it is read again.
    pub(super) fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }

    /// Reads the listing soon.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<WorkerId, Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the listing says.
    fn apply(&self, listing: Vec<Registration>) {
        // Of two lives of one worker the later one counts.
        let listed: BTreeMap<_, _> =
            listing.into_iter().map(|worker| (worker.owner.worker.clone(), worker)).collect();
        let mut refused = BTreeSet::new();
        let mut members = self.members();
        for (id, worker) in &listed {
            match Way::to(&worker.address, &self.reach) {
                Err(error) => {
                    refused.insert(worker.address.clone());
                    self.complain(id, &worker.address, error);
                }
                Ok(way) => match members.get(id) {
                    Some(member) => member.registered(worker, way),
                    None => {
                        tracing::info!(worker = %id, address = worker.address, "a worker is there");
                        let member = Member::start(&self.kit, id, way, Some(worker));
                        members.insert(id.clone(), member);
                    }
                },
            }
        }
        let now = Instant::now();
        members.retain(|id, member| {
            if !listed.contains_key(id) && member.vanished() {
                tracing::info!(worker = %id, "a worker is gone");
                self.kit.tally.remove(id);
                return false;
            }
            member.rest(now, IDLE);
            true
        });
        drop(members);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    fn complain(&self, id: &WorkerId, address: &str, error: Refused) {
        let known = self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(address);
        if !known {
            tracing::warn!(worker = %id, address, %error, "a worker's address is not dialled");
        }
    }
}

/// Keeps the pool as the listing says, until the process drains.
pub(super) async fn keep(
    pool: Arc<Pool>,
    workers: Arc<dyn Workers>,
    standings: watch::Sender<Standings>,
    metrics: UpstreamMetrics,
) {
    let drain = pool.kit.drain.child_token();
    let reading = async {
        let mut turns = time::interval(READ_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = false;
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = pool.asked.notified() => time::sleep(READ_AGAIN).await,
            }
            let store = read(&pool, &*workers).await;
            known |= store;
            if known {
                let all: Vec<_> = pool.everybody().iter().map(|one| one.stand()).collect();
                metrics.stand(&all);
            }
            pool.rounds.send_modify(|round| *round += 1);
            let reachable = pool.candidates().iter().filter(|worker| worker.healthy).count();
            let now = Standings { store, workers: reachable };
            standings.send_if_modified(|before| std::mem::replace(before, now) != now);
        }
    };
    drain.run_until_cancelled(reading).await;
}

async fn read(pool: &Pool, workers: &dyn Workers) -> bool {
    match time::timeout(READ_TIME, workers.workers()).await {
        Ok(Ok(listing)) => {
            pool.apply(listing);
            true
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "the workers could not be listed");
            false
        }
        Err(_) => false,
    }
}
