//! This worker's place in the store's listing: registered, renewed with what is so now, and given
//! up when it goes (`cluster.md` §4, §5).
//!
//! What gateways read of it is a hint: the worker itself is the authority on what it takes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use termfleet_session::ids::Generation;
use termfleet_store::{Registration, Storage, StoreError, Workers, workers::RENEW_MS};
use tokio::time::{self, MissedTickBehavior};

use crate::worker::{Context, Ended};

/// How long a write may take: what is not renewed now is with the next turn.
const WRITE_TIME: Duration = Duration::from_millis(RENEW_MS);
/// How a session can be run here.
const BACKENDS: [&str; 1] = ["pty"];

/// What a worker is listed with.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Where gateways reach it, `host:port`.
    pub address: String,
    /// What it is called by.
    pub labels: BTreeMap<String, String>,
    /// Where its projects' files are.
    pub storage: Storage,
}

/// Keeps this worker listed until it stops.
pub(crate) async fn keep(
    context: Arc<Context>,
    generation: Generation,
    workers: Arc<dyn Workers>,
    offer: Offer,
) {
    let mut turns = time::interval(Duration::from_millis(RENEW_MS));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut draining = context.drain.is_draining();
    let mut told = context.told_to_drain.subscribe();
    loop {
        tokio::select! {
            () = context.stop.cancelled() => break,
            _ = turns.tick() => {}
            // Nobody should choose it for half a second more.
            () = context.drain.draining(), if !draining => draining = true,
            _ = told.changed() => {}
        }
        let said = registration(&context, generation, &offer);
        match time::timeout(WRITE_TIME, workers.register(&said)).await {
            Ok(Ok(())) => {}
            Ok(Err(error @ StoreError::Fenced { .. })) => {
                tracing::warn!(%error, "it ends, and touches nothing");
                return context.end(Ended::Superseded);
            }
            Ok(Err(error)) => tracing::debug!(%error, "the lease was not renewed"),
            Err(_) => tracing::debug!("the store did not renew the lease in time"),
        }
    }
    if context.is_superseded() {
        return;
    }
    let gone = workers.deregister(&context.owner, generation);
    // Else the lease ends by itself.
    let _ = time::timeout(WRITE_TIME, gone).await;
}

fn registration(context: &Context, generation: Generation, offer: &Offer) -> Registration {
    let Offer { address, labels, storage } = offer.clone();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Registration {
        owner: context.owner.clone(),
        generation,
        address,
        capacity: number(context.config.capacity),
        load: number(context.registry.taken()),
        labels,
        backends: BACKENDS.map(str::to_owned).to_vec(),
        storage,
        draining: context.is_draining(),
    }
}
