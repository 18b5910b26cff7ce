//! The store that the processes of a cluster share: found, checked, or a clear word why not.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use termfleet_runtime::{Part, Tasks};
use termfleet_store::{
    RedisStore,
    redis::{Options, StoreMetrics},
};

use crate::{cli::Usage, config::Settings};

/// Connects to the configured Redis. Whatever is wrong with it is said in one line.
pub(crate) async fn connect(settings: &Settings, metrics: Part<'_>) -> Result<Arc<RedisStore>> {
    let url = settings.redis.url.as_ref().ok_or_else(|| {
        anyhow!(Usage(
            "redis.url is not set: gateways and workers share a Redis (--redis, REDIS_URL, or \
             [redis] url in --config); to try Termfleet without one, run `termfleet dev`"
                .into()
        ))
    })?;
    // Tasks of its own: they end with the store and not before, so nobody waits for them.
    let options = Options { metrics: StoreMetrics::register(metrics), ..Options::default() };
    let store = RedisStore::connect(url.reveal(), options, &Tasks::new()).await?;
    Ok(Arc::new(store))
}
