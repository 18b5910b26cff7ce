//! Messages that may come again, in Redis: a string each, beside their session's record.

use async_trait::async_trait;
use data_encoding::HEXLOWER;

use super::{
    RedisStore,
    script::{ANSWER, HEAR},
};
use crate::{
    error::StoreError,
    messages::{Heard, MESSAGE_MS, Message, Messages},
};

#[async_trait]
impl Messages for RedisStore {
    async fn hear(&self, message: &Message) -> Result<Heard, StoreError> {
        let body = HEXLOWER.encode(&message.body);
        let args = [(&body).into(), MESSAGE_MS.into()];
        let heard: String = self.client.run(&HEAR, &[&self.message(message)], &args).await?;
        match heard.as_str() {
            "first" => Ok(Heard::First),
            "reused" => Err(StoreError::KeyReused),
            heard => Ok(heard
                .strip_prefix("again ")
                .map_or(Heard::UnderWay, |answer| Heard::Again(answer.to_owned()))),
        }
    }

    async fn answer(&self, message: &Message, answer: &str) -> Result<(), StoreError> {
        let body = HEXLOWER.encode(&message.body);
        let args = [(&body).into(), answer.into()];
        self.client.run::<bool>(&ANSWER, &[&self.message(message)], &args).await.map(|_| ())
    }

    async fn unhear(&self, message: &Message) -> Result<(), StoreError> {
        let mut delete = redis::cmd("DEL");
        delete.arg(self.message(message));
        self.client.query::<u64>(&delete).await.map(|_| ())
    }
}

impl RedisStore {
    fn message(&self, message: &Message) -> String {
        self.keys.message(&message.session, message.id.as_str())
    }
}
