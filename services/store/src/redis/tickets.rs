//! Tickets in Redis: a string each, beside their user's other keys.

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use termfleet_session::role::Role;

use super::{
    RedisStore,
    script::{ISSUE, REDEEM},
};
use crate::{
    error::StoreError,
    tickets::{Bearer, TICKET_MS, Ticket, Tickets},
};

/// A bearer as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
}

#[async_trait]
impl Tickets for RedisStore {
    async fn issue(&self, ticket: &Ticket, bearer: &Bearer) -> Result<(), StoreError> {
        let Bearer { role, expires_at, token_id } = bearer.clone();
        // A name, a number and a text always are JSON.
        let written = serde_json::to_string(&Written { role, expires_at, token_id });
        let written = written.unwrap_or_default();
        let args = [(&written).into(), TICKET_MS.into()];
        self.client.run::<bool>(&ISSUE, &[&self.ticket(ticket)], &args).await.map(|_| ())
    }

    async fn redeem(&self, ticket: &Ticket) -> Result<Option<Bearer>, StoreError> {
        let key = self.ticket(ticket);
        let written: Option<String> = self.client.run(&REDEEM, &[&key], &[]).await?;
        // What is not ours signs nobody in.
        let written = written.and_then(|written| serde_json::from_str(&written).ok());
        Ok(written.map(|Written { role, expires_at, token_id }| Bearer {
            role,
            expires_at,
            token_id,
        }))
    }
}

impl RedisStore {
    fn ticket(&self, ticket: &Ticket) -> String {
        let Ticket { tenant, user, digest } = ticket;
        self.keys.ticket(tenant, user, &HEXLOWER.encode(digest))
    }
}
