//! Rates in Redis: a string each, counted on the server's own clock.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisStore, script::RATE};
use crate::{
    error::StoreError,
    rates::{Rate, Rates, Scope, Taken},
};

#[async_trait]
impl Rates for RedisStore {
    async fn take(&self, scope: &Scope, rate: Rate, cost: u32) -> Result<Taken, StoreError> {
        let args = [rate.cost_us(cost).into(), rate.burst_us().into()];
        let wait_us: u64 = self.client.run(&RATE, &[&self.keys.rate(scope)], &args).await?;
        Ok(match wait_us {
            0 => Taken::Yes,
            wait_us => Taken::Wait(Duration::from_micros(wait_us)),
        })
    }
}
