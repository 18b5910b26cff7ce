//! The places of sockets in Redis: a user's sockets are one sorted set, those that were replaced
//! another.

use async_trait::async_trait;

use super::{
    RedisStore,
    script::{Arg, SEAT, SEATED, UNSEAT},
};
use crate::{
    error::StoreError,
    sockets::{PLACE_MS, SocketUser, Sockets},
};

/// Sockets of one call: each is some bytes, and a script holds up everybody.
const AT_ONCE: usize = 256;

#[async_trait]
impl Sockets for RedisStore {
    async fn take_place(
        &self,
        user: &SocketUser,
        socket: &str,
        replaces: Option<&str>,
        most: u32,
    ) -> Result<bool, StoreError> {
        let other = replaces.unwrap_or_default();
        let args = [socket.into(), other.into(), most.into(), PLACE_MS.into()];
        let [places, replaced] = self.of_sockets(user);
        self.client.run(&SEAT, &[&places, &replaced], &args).await
    }

    async fn renew_places(
        &self,
        user: &SocketUser,
        sockets: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let [places, replaced] = self.of_sockets(user);
        let mut gone = Vec::new();
        for sockets in sockets.chunks(AT_ONCE) {
            let args: Vec<Arg<'_>> =
                [PLACE_MS.into()].into_iter().chain(sockets.iter().map(Arg::from)).collect();
            let some: Vec<String> = self.client.run(&SEATED, &[&places, &replaced], &args).await?;
            gone.extend(some);
        }
        Ok(gone)
    }

    async fn free_places(&self, user: &SocketUser, sockets: &[String]) -> Result<(), StoreError> {
        let [places, replaced] = self.of_sockets(user);
        for sockets in sockets.chunks(AT_ONCE) {
            let args: Vec<Arg<'_>> = sockets.iter().map(Arg::from).collect();
            self.client.run::<u64>(&UNSEAT, &[&places, &replaced], &args).await?;
        }
        Ok(())
    }
}

impl RedisStore {
    fn of_sockets(&self, user: &SocketUser) -> [String; 2] {
        let SocketUser { tenant, user } = user;
        [self.keys.user_sockets(tenant, user), self.keys.user_replaced(tenant, user)]
    }
}
