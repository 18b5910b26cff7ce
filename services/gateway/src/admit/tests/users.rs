//! Limits of users: gateways that share a store count together, and alone while it is silent.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use termfleet_runtime::Tasks;
use termfleet_store::{Rate, Scope, SocketUser, StoreError, Taken};
use tokio::task::JoinHandle;

use super::*;

/// More than anything here takes.
const DEADLINE: Duration = Duration::from_secs(300);

/// A store that answers as long as it is told to.
#[derive(Default)]
struct Fickle {
    store: Mutex<Arc<MemoryStore>>,
    silent: AtomicBool,
    asked: AtomicUsize,
}

impl Fickle {
    fn store(&self) -> Result<Arc<MemoryStore>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.silent.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable { retry_after_ms: 1_000 }),
            false => Ok(self.store.lock().unwrap().clone()),
        }
    }

    fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    fn lose_everything(&self) {
        *self.store.lock().unwrap() = Arc::default();
    }
}

#[async_trait]
impl Rates for Fickle {
    async fn take(&self, scope: &Scope, rate: Rate, cost: u32) -> Result<Taken, StoreError> {
        self.store()?.take(scope, rate, cost).await
    }
}

#[async_trait]
impl Sockets for Fickle {
    async fn take_place(
        &self,
        user: &SocketUser,
        socket: &str,
        replaces: Option<&str>,
        most: u32,
    ) -> Result<bool, StoreError> {
        self.store()?.take_place(user, socket, replaces, most).await
    }

    async fn renew_places(
        &self,
        user: &SocketUser,
        sockets: &[String],
    ) -> Result<Vec<String>, StoreError> {
        self.store()?.renew_places(user, sockets).await
    }

    async fn free_places(&self, user: &SocketUser, sockets: &[String]) -> Result<(), StoreError> {
        self.store()?.free_places(user, sockets).await
    }
}

/// A gateway's admission, and the task that keeps its sockets' places.
struct Gateway {
    admission: Arc<Admission>,
    drain: Drain,
    losses: watch::Sender<u64>,
    keeping: JoinHandle<()>,
    stood_in: StoodIn,
}

impl Gateway {
    fn of(store: &Arc<Fickle>, limits: Limits) -> Self {
        let shared = shared(Arc::clone(store));
        let stood_in = shared.stood_in.clone();
        let admission = Arc::new(Admission::new(limits, Vec::new(), false, shared));
        let (drain, (losses, lost)) = (Drain::new(), watch::channel(0));
        let (keeper, until) = (admission.clone(), drain.clone());
        let keeping = async move { keeper.keep_sockets(until, lost).await };
        let keeping = Tasks::new().spawn("keeper", keeping);
        Self { admission, drain, losses, keeping, stood_in }
    }

    async fn socket(&self, name: &str, replaces: Option<&str>) -> Result<SocketPlace, Refusal> {
        self.admission.socket(&user("ann"), name, replaces).await
    }

    /// Tries until there is a place: it is on its way.
    async fn socket_soon(&self, name: &str) -> SocketPlace {
        let trying = async {
            loop {
                match self.socket(name, None).await {
                    Ok(place) => return place,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        time::timeout(DEADLINE, trying).await.expect("a place")
    }
}

fn of_requests(max_requests: u32) -> Limits {
    Limits { max_requests, ..Limits::default() }
}

fn of_sockets(sockets_per_user: u32) -> Limits {
    Limits { sockets_per_user, ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_requests_over_all_gateways_and_is_told_when_to_come_again() {
    let store = Arc::new(Fickle::default());
    let gateways = [(); 3].map(|()| Gateway::of(&store, of_requests(3)));
    for gateway in &gateways {
        gateway.admission.request(&user("ann")).await.unwrap();
    }
    for gateway in &gateways {
        let refusal = gateway.admission.request(&user("ann")).await.unwrap_err();
        assert_eq!(refusal.code, Code::RateLimited);
        let wait = refusal.retry_after_ms.unwrap();
        // The store's clock goes on meanwhile.
        assert!((15_000..=20_000).contains(&wait), "{wait}");
        gateway.admission.request(&user("bob")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_silent_the_gateway_counts_at_the_same_rate_and_leaves_it_alone() {
    let store = Arc::new(Fickle::default());
    let Gateway { admission, stood_in, .. } = Gateway::of(&store, of_requests(3));
    admission.request(&user("ann")).await.unwrap();
    assert_eq!(stood_in.requests.get(), 0);

    store.silence(true);
    for _ in 0..3 {
        admission.request(&user("ann")).await.unwrap();
    }
    let refusal = admission.request(&user("ann")).await.unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(20_000)));
    assert_eq!(stood_in.requests.get(), 4);
    assert_eq!(store.asked.load(Ordering::SeqCst), 2, "once while it is silent");

    store.silence(false);
    advance(Duration::from_secs(1)).await;
    admission.request(&user("ann")).await.unwrap();
    assert_eq!((stood_in.requests.get(), store.asked.load(Ordering::SeqCst)), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_sockets_over_all_gateways_and_a_closed_one_is_free_at_once() {
    let store = Arc::new(Fickle::default());
    let gateways = [(); 3].map(|()| Gateway::of(&store, of_sockets(3)));
    let mut places = Vec::new();
    for (gateway, name) in gateways.iter().zip(["a", "b", "c"]) {
        places.push(gateway.socket(name, None).await.unwrap());
    }
    for gateway in &gateways {
        let refusal = gateway.socket("d", None).await.unwrap_err();
        assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(1_000)));
        gateway.admission.socket(&user("bob"), "x", None).await.unwrap();
    }
    drop(places.remove(0));
    let begun = time::Instant::now();
    let _fourth = gateways[1].socket_soon("d").await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "no renewal was waited for");
    assert!(gateways[2].socket("e", None).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_replaces_another_opens_at_the_limit_and_the_other_is_told() {
    let store = Arc::new(Fickle::default());
    let (one, two) = (Gateway::of(&store, of_sockets(2)), Gateway::of(&store, of_sockets(2)));
    let (old, other) =
        (one.socket("old", None).await.unwrap(), one.socket("other", None).await.unwrap());
    let _new = two.socket("new", Some("old")).await.unwrap();
    assert!(two.socket("again", Some("old")).await.is_err(), "it has no place any more");
    let begun = time::Instant::now();
    time::timeout(DEADLINE, old.replaced()).await.expect("it is told");
    let took = begun.elapsed();
    let turn = Duration::from_secs(10);
    assert!(took >= turn && took <= turn * 3, "its client has time to move: {took:?}");
    assert!(time::timeout(turn * 6, other.replaced()).await.is_err(), "the other has its place");
    drop(old);
    assert!(one.socket("more", None).await.is_err(), "its place was not given back twice");
}

#[tokio::test(start_paused = true)]
async fn on_one_gateway_too_a_socket_is_replaced_with_and_without_the_store() {
    let store = Arc::new(Fickle::default());
    let gateway = Gateway::of(&store, of_sockets(1));
    let first = gateway.socket("first", None).await.unwrap();
    let second = gateway.socket("second", Some("first")).await.unwrap();
    time::timeout(DEADLINE, first.replaced()).await.expect("it is told");
    store.silence(true);
    let _third = gateway.socket("third", Some("second")).await.unwrap();
    assert!(gateway.socket("fourth", Some("second")).await.is_err());
    time::timeout(DEADLINE, second.replaced()).await.expect("it is told");
}

#[tokio::test(start_paused = true)]
async fn without_the_store_sockets_open_up_to_the_gateways_own_count_and_are_known_once_it_is_back()
{
    let store = Arc::new(Fickle::default());
    let (one, two) = (Gateway::of(&store, of_sockets(2)), Gateway::of(&store, of_sockets(2)));
    let first = one.socket("first", None).await.unwrap();
    store.silence(true);
    let _second = one.socket("second", None).await.unwrap();
    assert_eq!(one.socket("third", None).await.unwrap_err().code, Code::RateLimited);
    assert_eq!(one.stood_in.sockets.get(), 1);

    store.lose_everything();
    store.silence(false);
    // Longer than the store is left alone.
    time::sleep(Duration::from_secs(2)).await;
    one.losses.send_modify(|losses| *losses += 1);
    let known = async {
        while let Ok(place) = two.socket("probe", None).await {
            drop(place);
            tokio::task::yield_now().await;
        }
    };
    time::timeout(Duration::from_secs(2), known).await.expect("it knows of both again");
    drop(first);
    let _probe = two.socket_soon("probe").await;
}

#[tokio::test(start_paused = true)]
async fn places_are_kept_for_as_long_as_somebody_is_there() {
    let store = Arc::new(Fickle::default());
    let (one, two) = (Gateway::of(&store, of_sockets(1)), Gateway::of(&store, of_sockets(1)));
    let place = one.socket("a", None).await.unwrap();
    one.drain.trigger();
    // A gateway that drains still has sockets; its places are renewed until they have gone.
    let asked = store.asked.load(Ordering::SeqCst);
    time::sleep(Duration::from_secs(60)).await;
    assert!(store.asked.load(Ordering::SeqCst) >= asked + 5, "renewed every ten seconds");
    assert!(!one.keeping.is_finished());
    drop(place);
    time::timeout(DEADLINE, one.keeping).await.expect("nobody is left").unwrap();
    let _place = two.socket_soon("b").await;
}
