//! Whose turn it is: one gateway's an interval, and another's when that one is gone.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use termfleet_store::{Clock, MemoryStore, StoreError, Timings};

use super::*;

const IDLE: Idle = Idle { timeout: Duration::from_secs(1800), interval: Duration::from_secs(60) };

/// The store's clock, which stands still with the test's.
struct Paused(Instant);

impl Clock for Paused {
    fn now_ms(&self) -> u64 {
        1_800_000_000_000 + millis(self.0.elapsed())
    }
}

fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::with(Timings::default(), Arc::new(Paused(Instant::now()))))
}

/// When somebody swept, in seconds from the start.
struct Swept {
    started: Instant,
    at: Mutex<Vec<u64>>,
    takes: Duration,
}

impl Swept {
    fn taking(takes: Duration) -> Self {
        Self { started: Instant::now(), at: Mutex::default(), takes }
    }

    fn at(&self) -> Vec<u64> {
        self.at.lock().unwrap().clone()
    }
}

impl Sweeper for Swept {
    async fn sweep(&self, idle_ms: u64) -> u32 {
        assert_eq!(idle_ms, 1_800_000);
        self.at.lock().unwrap().push(self.started.elapsed().as_secs());
        time::sleep(self.takes).await;
        0
    }
}

fn turns<'a, S: Sweeper>(leases: &'a dyn Sweeps, sweeper: &'a S, name: &str) -> Turns<'a, S> {
    Turns { leases, sweeper, idle: IDLE, holder: name.to_owned() }
}

/// Lets them take turns until then.
async fn until(at: Duration, taking: impl Future<Output = ()>) {
    let _ = time::timeout(at, taking).await;
}

#[tokio::test(start_paused = true)]
async fn of_many_gateways_one_sweeps_in_each_interval() {
    let (store, swept) = (store(), Swept::taking(Duration::from_secs(1)));
    let (one, two, three) =
        (turns(&*store, &swept, "g1"), turns(&*store, &swept, "g2"), turns(&*store, &swept, "g3"));
    let all = async {
        tokio::join!(one.take_all(), two.take_all(), three.take_all());
    };
    until(Duration::from_secs(299), all).await;
    assert_eq!(swept.at(), [0, 60, 120, 180, 240]);
}

#[tokio::test(start_paused = true)]
async fn when_the_holder_dies_another_goes_on_at_the_next_interval() {
    let store = store();
    let (dying, other) =
        (Swept::taking(Duration::from_secs(5)), Swept::taking(Duration::from_secs(5)));
    let (first, second) = (turns(&*store, &dying, "g1"), turns(&*store, &other, "g2"));
    let killed = until(Duration::from_secs(3), first.take_all());
    let all = async {
        tokio::join!(killed, second.take_all());
    };
    until(Duration::from_secs(150), all).await;
    assert_eq!((dying.at(), other.at()), (vec![0], vec![60, 120]));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_hangs_ends_with_its_lease() {
    let (store, swept) = (store(), Swept::taking(Duration::from_secs(3600)));
    let one = turns(&*store, &swept, "g1");
    until(Duration::from_secs(61), one.take_all()).await;
    assert_eq!(swept.at(), [0, 60]);
}

/// A store that is away at first.
struct Away(Arc<MemoryStore>, AtomicBool);

#[async_trait]
impl Sweeps for Away {
    async fn take_sweep(&self, holder: &str, lease_ms: u64) -> Result<Lease, StoreError> {
        if self.1.swap(false, Ordering::Relaxed) {
            return Err(StoreError::Unavailable { retry_after_ms: 1 });
        }
        self.0.take_sweep(holder, lease_ms).await
    }

    async fn leave_sweep(&self, holder: &str) -> Result<(), StoreError> {
        self.0.leave_sweep(holder).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_again_soon_and_nothing_is_swept_without_it() {
    let away = Away(store(), AtomicBool::new(true));
    let swept = Swept::taking(Duration::ZERO);
    let one = turns(&away, &swept, "g1");
    until(Duration::from_secs(62), one.take_all()).await;
    assert_eq!(swept.at(), [1, 61]);
}
