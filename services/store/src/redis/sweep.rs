//! The sweep lease in Redis: one string, with its expiry by the store's clock in it.

use async_trait::async_trait;

use super::{
    RedisStore,
    script::{LEAD, RESIGN},
};
use crate::{
    error::StoreError,
    sweep::{Lease, Sweeps},
};

#[async_trait]
impl Sweeps for RedisStore {
    async fn take_sweep(&self, holder: &str, lease_ms: u64) -> Result<Lease, StoreError> {
        let args = [holder.into(), lease_ms.into()];
        let taken: u64 = self.client.run(&LEAD, &[&self.keys.sweep()], &args).await?;
        Ok(match taken {
            0 => Lease::Mine,
            for_ms => Lease::Taken { for_ms },
        })
    }

    async fn leave_sweep(&self, holder: &str) -> Result<(), StoreError> {
        let key = self.keys.sweep();
        self.client.run::<u64>(&RESIGN, &[&key], &[holder.into()]).await.map(|_| ())
    }
}
