//! Every promise of a store, kept by the Redis store on one server, on a master with sentinels and
//! on a cluster. The servers are started once and shared; each stage has a namespace of its own.

use std::{
    marker::PhantomData,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use async_trait::async_trait;
use termfleet_runtime::Tasks;
use termfleet_store::{RedisStore, Timings, conformance::Stage, redis::Options};

use crate::servers::{Cluster, Server, Watched};

/// Servers of one kind, started by whoever needs them first.
trait Topology: Send + Sync + 'static {
    /// Where they are.
    fn url() -> String;
}

struct Single;
struct Sentinel;
struct Clustered;

impl Topology for Single {
    fn url() -> String {
        static SERVER: LazyLock<Server> = LazyLock::new(|| apart(async || Server::start("").await));
        SERVER.url()
    }
}

impl Topology for Sentinel {
    fn url() -> String {
        static SERVERS: LazyLock<Watched> = LazyLock::new(|| apart(Watched::start));
        SERVERS.url()
    }
}

impl Topology for Clustered {
    fn url() -> String {
        static SERVERS: LazyLock<Cluster> = LazyLock::new(|| apart(Cluster::start));
        SERVERS.url()
    }
}

/// Starts what all tests share on a runtime of its own: each test's own ends with the test.
fn apart<T: Send>(start: impl AsyncFnOnce() -> T + Send) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    thread::scope(|threads| threads.spawn(|| runtime().block_on(start())).join().unwrap())
}

/// A store on servers of that kind, with a clock that can be turned forward.
struct On<T> {
    store: Arc<RedisStore>,
    ahead_ms: Arc<AtomicU64>,
    servers: PhantomData<T>,
}

#[async_trait]
impl<T: Topology> Stage for On<T> {
    type Store = RedisStore;

    /// Each step is some ways to a server and back.
    const PLAYS: u32 = 12;

    async fn open() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let namespace = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let options = Options { namespace, ahead_ms: Arc::clone(&ahead_ms), ..Options::default() };
        let store = RedisStore::connect(&T::url(), options, &Tasks::new()).await.unwrap();
        Self { store: Arc::new(store), ahead_ms, servers: PhantomData }
    }

    fn store(&self) -> &Arc<RedisStore> {
        &self.store
    }

    fn timings(&self) -> Timings {
        Timings::default()
    }

    async fn pass(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

mod single {
    use super::*;
    termfleet_store::conformance!(On<Single>);
}

mod sentinel {
    use super::*;
    termfleet_store::conformance!(On<Sentinel>);
}

mod cluster {
    use super::*;
    termfleet_store::conformance!(On<Clustered>);
}
