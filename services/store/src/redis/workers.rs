//! The workers of a cluster in Redis: one hash an incarnation, and one sorted set of leases.

use async_trait::async_trait;
use termfleet_session::{ids::Generation, record::Owner};

use super::{
    RedisStore,
    script::{Arg, DEREGISTER, LEASES, REGISTER, SAID, Script},
};
use crate::{
    error::StoreError,
    workers::{MAX_WORKERS, Registration, Workers},
};

/// Registrations read by one call: each is some hundred bytes, and a script holds up everybody.
const AT_ONCE: usize = 256;

#[async_trait]
impl Workers for RedisStore {
    async fn register(&self, worker: &Registration) -> Result<(), StoreError> {
        let said = serde_json::to_string(worker).map_err(|error| {
            tracing::error!(%error, "a registration cannot be written");
            StoreError::NotFound
        })?;
        let rest = [Arg::from(&said), Arg::from(self.timings.lease_ms)];
        self.fenced(&REGISTER, &worker.owner, worker.generation, &rest).await
    }

    async fn deregister(&self, owner: &Owner, generation: Generation) -> Result<(), StoreError> {
        self.fenced(&DEREGISTER, owner, generation, &[]).await
    }

    async fn workers(&self) -> Result<Vec<Registration>, StoreError> {
        let most = Arg::from(MAX_WORKERS as u64);
        let leases: Vec<String> =
            self.client.run(&LEASES, &[&self.keys.workers()], &[most]).await?;
        let mut alive = Vec::new();
        for keys in leases.chunks(AT_ONCE) {
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            let said: Vec<(u64, String)> = self.client.run(&SAID, &keys, &[]).await?;
            alive.extend(said.into_iter().filter_map(read));
        }
        alive.sort_by(|(one, a), (other, b)| (&a.owner.worker, one).cmp(&(&b.owner.worker, other)));
        Ok(alive.into_iter().map(|(_, worker)| worker).collect())
    }
}

impl RedisStore {
    /// Runs a script that a later process of the incarnation stands against.
    async fn fenced(
        &self,
        script: &Script,
        owner: &Owner,
        generation: Generation,
        rest: &[Arg<'_>],
    ) -> Result<(), StoreError> {
        let Owner { worker, incarnation } = owner;
        let (key, workers) = (self.keys.worker(worker, incarnation), self.keys.workers());
        let mut args = vec![Arg::from(generation.get())];
        args.extend_from_slice(rest);
        let answer: Vec<u64> = self.client.run(script, &[&key, &workers], &args).await?;
        match answer[..] {
            [0, current] => Err(StoreError::Fenced { current: Generation::new(current) }),
            _ => Ok(()),
        }
    }
}

/// One that a later version wrote in a way that means nothing here is as good as not there.
fn read((since, said): (u64, String)) -> Option<(u64, Registration)> {
    match serde_json::from_str(&said) {
        Ok(worker) => Some((since, worker)),
        Err(error) => {
            tracing::warn!(%error, "a registration cannot be read");
            None
        }
    }
}
