//! The connection for commands: one for all, kept by one task.
//!
//! Every call has an answer or an error in bounded time. While there is no connection a call waits
//! shortly for the next one; more calls than [`IN_FLIGHT`] at once are refused. Nothing is sent again
//! by us: whoever called knows whether it may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection, cluster_async::ClusterConnection,
};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, watch},
    time,
};

use super::{
    failure::{FAILOVER_MS, Failure, Kind, RECONNECT_MS},
    loss::Losses,
    metrics::{self, Call, StoreMetrics},
    script::{Arg, Script},
};
use crate::error::StoreError;

/// Calls under way at once: some for every session that a gateway serves. Each has at most some KiB
/// to send, so what queues on a slow connection is bounded by MiB.
pub const IN_FLIGHT: usize = 4_096;
/// How long a call waits for a connection that is being made: what a new one to a healthy server
/// takes, many times over.
const PATIENCE: Duration = Duration::from_millis(RECONNECT_MS);

/// Cheap handle of the connection; clones share it.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    /// The connection, while there is one.
    pub(super) wire: watch::Sender<Option<Wire>>,
    /// Tells the keeper that the connection is of no use.
    pub(super) suspect: Notify,
    pub(super) losses: Losses,
    pub(super) metrics: StoreMetrics,
    in_flight: Semaphore,
    ahead_ms: Arc<AtomicU64>,
}

/// A connection that takes commands for any key.
#[derive(Clone)]
pub(super) enum Wire {
    One(MultiplexedConnection),
    Many(ClusterConnection),
}

impl Wire {
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Many(connection) => command.query_async(connection).await,
        }
    }

    /// Runs a script, and teaches it to a server that does not know it: a new one, one that was
    /// restarted, or a promoted replica.
    pub(super) async fn run<T: FromRedisValue>(
        &mut self,
        script: &Script,
        keys: &[&str],
        args: &[Arg<'_>],
        ahead_ms: u64,
    ) -> RedisResult<T> {
        match self.query(&script.by_digest(keys, args, ahead_ms)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.query(&script.by_source(keys, args, ahead_ms)).await
            }
            answer => answer,
        }
    }
}

impl Shared {
    /// There is a connection now, or none.
    pub(super) fn connected(&self, wire: Option<Wire>) {
        self.metrics.connected(wire.is_some());
        self.wire.send_replace(wire);
    }
}

impl Client {
    pub(super) fn new(losses: Losses, metrics: StoreMetrics, ahead_ms: Arc<AtomicU64>) -> Self {
        let shared = Shared {
            wire: watch::Sender::new(None),
            suspect: Notify::new(),
            losses,
            metrics,
            in_flight: Semaphore::new(IN_FLIGHT),
            ahead_ms,
        };
        Self { shared: Arc::new(shared) }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Runs a script. Its keys have one hash tag, and there is at least one: it says where to run.
    ///
    /// # Errors
    /// Only `Unavailable`; the script may have run nevertheless.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[Arg<'_>],
    ) -> Result<T, StoreError> {
        let call = self.shared.metrics.call(script.name());
        let _permit = self.enter(&call)?;
        let ahead_ms = self.shared.ahead_ms.load(Ordering::SeqCst);
        let answer = self.wire(&call).await?.run(script, keys, args, ahead_ms).await;
        answer.map_err(|error| self.failed(&call, &error, script.name()))
    }

    /// Sends one command, for what needs no script. Its first key says where it goes.
    ///
    /// # Errors
    /// Only `Unavailable`.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let operation = metrics::operation(command);
        let call = self.shared.metrics.call(operation);
        let _permit = self.enter(&call)?;
        let answer = self.wire(&call).await?.query(command).await;
        answer.map_err(|error| self.failed(&call, &error, operation))
    }

    /// What an unknown id means now: for a while after a loss, that nobody may have told yet.
    ///
    /// # Errors
    /// `Unavailable` during that while.
    pub(crate) fn unknown(&self) -> Result<(), StoreError> {
        self.shared.losses.unknown()
    }

    fn enter(&self, call: &Call<'_>) -> Result<SemaphorePermit<'_>, StoreError> {
        let permit = self.shared.in_flight.try_acquire();
        permit.map_err(|_| {
            call.failed(Kind::Overload);
            StoreError::Unavailable { retry_after_ms: FAILOVER_MS }
        })
    }

    /// The connection, or the next one if it comes soon.
    async fn wire(&self, call: &Call<'_>) -> Result<Wire, StoreError> {
        let mut wires = self.shared.wire.subscribe();
        let soon = time::timeout(PATIENCE, wires.wait_for(Option::is_some)).await;
        let wire = soon.ok().and_then(Result::ok).and_then(|wire| wire.clone());
        wire.ok_or_else(|| {
            call.failed(Kind::Unconnected);
            StoreError::Unavailable { retry_after_ms: FAILOVER_MS }
        })
    }

    fn failed(&self, call: &Call<'_>, error: &RedisError, what: &str) -> StoreError {
        let failure = Failure::of(error, what);
        call.failed(failure.kind);
        if failure.ends_the_connection {
            self.shared.suspect.notify_one();
        }
        failure.into()
    }
}
