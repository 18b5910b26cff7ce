//! The store of a cluster: everything in Redis (7 or newer, or Valkey), for all processes at once.
//!
//! Redis may be one server, a master that sentinels watch over, or a cluster; the URL says which
//! (`address`). One multiplexed connection carries the commands (`client`, kept by `keeper`), one
//! carries what is pushed. Atomic steps are scripts (`script`). Rules are not written again in Lua:
//! a record is read, changed by the same pure functions that the memory store uses, and written if
//! nobody else wrote meanwhile.

mod address;
mod check;
mod client;
mod dial;
mod directory;
mod failure;
mod focus;
mod hints;
mod keeper;
mod loss;
mod messages;
mod metrics;
mod places;
mod rates;
mod records;
pub(crate) mod script;
mod sockets;
mod sweep;
mod tickets;
mod workers;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use async_trait::async_trait;
use termfleet_runtime::Tasks;
use termfleet_session::ids::{ProjectId, TenantId};
use tokio::{sync::watch, task::JoinHandle};

use self::{
    address::Address, client::Client, dial::Dialer, hints::Hints, keeper::Keeper, loss::Losses,
    places::LookedAfter, records::Turns,
};
pub use self::{
    address::InvalidAddress, check::ConnectError, client::IN_FLIGHT, dial::Tls, loss::GRACE,
    metrics::StoreMetrics,
};
use crate::{
    bus::{Bus, Subject, Subscription},
    directory::Timings,
    error::StoreError,
    keys::{Keys, NAMESPACE},
};

/// How a Redis store is set up, beside where it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first part of every key, for a Redis that is shared.
    pub namespace: String,
    /// How long things last.
    pub timings: Timings,
    /// How long after a loss an unknown id is answered with "try again".
    pub grace: Duration,
    /// Whom to trust and what to show, over TLS.
    pub tls: Tls,
    /// What is counted of its calls.
    pub metrics: StoreMetrics,
    /// How far the store's clock is ahead of Redis' own, in ms. Always 0 but in tests, which turn
    /// it instead of waiting; all who share a Redis must share it.
    pub ahead_ms: Arc<AtomicU64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: NAMESPACE.into(),
            timings: Timings::default(),
            grace: GRACE,
            tls: Tls::default(),
            metrics: StoreMetrics::default(),
            ahead_ms: Arc::default(),
        }
    }
}

/// Sessions of a whole cluster.
pub struct RedisStore {
    client: Client,
    keys: Keys,
    timings: Timings,
    hints: Hints,
    turns: Turns,
    looked_after: LookedAfter,
    advice: Vec<String>,
    _tasks: [Ending; 2],
}

impl RedisStore {
    /// Connects and checks that this Redis can serve. The URL is one of
    ///
    /// - `redis://[USER:PASSWORD@]HOST[:6379][/DB]`: one server,
    /// - `redis+sentinel://[USER:PASSWORD@]HOST[:26379],HOST,…/[DB/]NAME`: the master of that name,
    /// - `redis+cluster://[USER:PASSWORD@]HOST[:6379],HOST,…`: a cluster,
    ///
    /// or the same with `rediss`, over TLS. From then on the connection is kept, and made
    /// again whenever it breaks, until the store is dropped.
    ///
    /// # Errors
    /// One line that says what to do.
    pub async fn connect(url: &str, options: Options, tasks: &Tasks) -> Result<Self, ConnectError> {
        let Options { namespace, timings, grace, tls, metrics, ahead_ms } = options;
        let address: Address = url.parse()?;
        let keys = Keys::of(&namespace);
        let dialer = Arc::new(Dialer::new(address, tls));
        let client = Client::new(Losses::new(grace), metrics, ahead_ms);
        let failed = |error| ConnectError::of(&error, dialer.address());

        let opened = keeper::open(&dialer, client.shared()).await;
        let (mut wire, _) = opened.map_err(failed)?;
        let advice = check::check(&mut wire, dialer.address()).await?;
        for line in &advice {
            tracing::warn!("{line}");
        }
        let shared = Arc::clone(client.shared());
        let keeper = Keeper::begin(Arc::clone(&dialer), shared, keys.marker(), &mut wire).await;
        let keeper = tasks.spawn("redis keeper", keeper.map_err(failed)?.keep());

        let losses = client.shared().losses.watch();
        let (hints, listener) =
            Hints::new(Arc::clone(&dialer), client.clone(), keys.clone(), losses);
        let listener = tasks.spawn("redis hints", listener.listen());
        Ok(Self {
            client,
            keys,
            timings,
            hints,
            turns: Turns::default(),
            looked_after: LookedAfter::default(),
            advice,
            _tasks: [Ending(keeper), Ending(listener)],
        })
    }

    /// What a person should know of this Redis although it works, one line each.
    #[must_use]
    pub fn advice(&self) -> &[String] {
        &self.advice
    }
}

#[async_trait]
impl Bus for RedisStore {
    async fn subscribe(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<Subscription, StoreError> {
        self.hints.subscribe(Subject::Project(tenant.clone(), project.clone())).await
    }

    async fn subscribe_creations(&self, tenant: &TenantId) -> Result<Subscription, StoreError> {
        self.hints.subscribe(Subject::Creations(tenant.clone())).await
    }

    fn losses(&self) -> watch::Receiver<u64> {
        self.client.shared().losses.watch()
    }
}

/// A task that ends with the store.
struct Ending(JoinHandle<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
