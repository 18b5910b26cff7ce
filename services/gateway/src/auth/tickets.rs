//! Tickets as clients see them: who gets one, what it looks like, and whom it signs in.
//!
//! A ticket names its user, because that is how the store finds it; what makes it one is its secret.
//! Names stand in it as base32: nothing in an address needs to be escaped or looks like a token.

use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use termfleet_proto::rest;
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{TenantId, UserId},
    role::Actor,
};
use termfleet_store::{Bearer, Ticket, tickets};

use super::SignedIn;

/// Random bytes of a secret: as many as a session's id has.
const SECRET_BYTES: usize = 16;

/// Gives tickets and takes them.
#[derive(Clone)]
pub struct Tickets(Arc<dyn tickets::Tickets>);

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

impl Tickets {
    /// Tickets of this store.
    #[must_use]
    pub fn new(store: Arc<dyn tickets::Tickets>) -> Self {
        Self(store)
    }

    /// A ticket for somebody who is signed in. It is as good as their token, and no longer.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn issue(&self, who: &SignedIn) -> Result<rest::Ticket, Refusal> {
        let mut random = [0; SECRET_BYTES];
        getrandom::fill(&mut random).map_err(|error| {
            tracing::error!(%error, "the operating system gave no randomness");
            Code::InternalError
        })?;
        let SignedIn { actor, expires_at, token_id } = who.clone();
        let secret = base32(random);
        let (tenant, user) = (base32(actor.tenant.as_str()), base32(actor.user.as_str()));
        let bearer = Bearer { role: actor.role, expires_at, token_id };
        self.0.issue(&named(actor.tenant, actor.user, &secret), &bearer).await?;
        let until_ms = clock::now_ms().saturating_add(tickets::TICKET_MS);
        let until =
            i64::try_from(until_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let ticket = format!("{tenant}.{user}.{secret}");
        Ok(rest::Ticket { ticket, expires_at: until.unwrap_or(Timestamp::MAX) })
    }

    /// Whom this ticket signs in. It is worth nothing afterwards.
    ///
    /// # Errors
    /// `UNAUTHORIZED` if it was used, is late or never was one, `TOKEN_EXPIRED` if the token that
    /// it was given for has expired meanwhile; the store's.
    pub async fn redeem(&self, ticket: &str) -> Result<SignedIn, Refusal> {
        let ticket = parse(ticket).ok_or_else(worthless)?;
        let bearer = self.0.redeem(&ticket).await?;
        let Bearer { role, expires_at, token_id } = bearer.ok_or_else(worthless)?;
        if expires_at.is_some_and(|at| at <= clock::now_unix()) {
            return Err(Code::TokenExpired.into());
        }
        let actor = Actor { tenant: ticket.tenant, user: ticket.user, role };
        Ok(SignedIn { actor, expires_at, token_id })
    }
}

fn worthless() -> Refusal {
    Refusal::new(Code::Unauthorized, "the ticket was used, is late or never was one: get another")
}

fn named(tenant: TenantId, user: UserId, secret: &str) -> Ticket {
    Ticket { tenant, user, digest: Sha256::digest(secret).into() }
}

fn parse(ticket: &str) -> Option<Ticket> {
    let mut parts = ticket.split('.');
    let (tenant, user, secret) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(named(name(tenant)?.parse().ok()?, name(user)?.parse().ok()?, secret))
}

fn base32(bytes: impl AsRef<[u8]>) -> String {
    BASE32_NOPAD.encode(bytes.as_ref()).to_ascii_lowercase()
}

fn name(text: &str) -> Option<String> {
    // Only as we write it: a second spelling would be a second ticket.
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    //! What is taken for a ticket.
    #![allow(clippy::unwrap_used)]

    use termfleet_session::role::Role;
    use termfleet_store::MemoryStore;

    use super::*;

    fn ann(expires_at: Option<i64>) -> SignedIn {
        let actor = Actor {
            tenant: "acme".parse().unwrap(),
            user: "ann|eyJ é".parse().unwrap(),
            role: Role::User,
        };
        SignedIn { actor, expires_at, token_id: Some("t1".to_owned()) }
    }

    #[tokio::test]
    async fn a_ticket_signs_in_whom_it_was_given_to_once() {
        let tickets = Tickets::new(Arc::new(MemoryStore::new()));
        let who = ann(Some(clock::now_unix() + 60));
        let ticket = tickets.issue(&who).await.unwrap().ticket;
        assert!(!super::super::looks_like_token(&ticket), "{ticket}");
        assert!(ticket.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{ticket}");
        assert_eq!(tickets.redeem(&ticket).await, Ok(who));
        assert_eq!(tickets.redeem(&ticket).await.unwrap_err().code, Code::Unauthorized);
    }

    #[tokio::test]
    async fn a_ticket_outlives_its_token_in_nothing() {
        let tickets = Tickets::new(Arc::new(MemoryStore::new()));
        let ticket = tickets.issue(&ann(Some(clock::now_unix()))).await.unwrap().ticket;
        assert_eq!(tickets.redeem(&ticket).await.unwrap_err().code, Code::TokenExpired);
    }

    #[tokio::test]
    async fn what_was_never_a_ticket_is_refused() {
        let tickets = Tickets::new(Arc::new(MemoryStore::new()));
        let ticket = tickets.issue(&ann(None)).await.unwrap().ticket;
        let (names, _) = ticket.rsplit_once('.').unwrap();
        let other = format!("{}.{}", base32("acme"), base32("bob"));
        let secret = ticket.rsplit('.').next().unwrap();
        for forged in [
            String::new(),
            "...".to_owned(),
            format!("{names}."),
            format!("{names}.{}", "a".repeat(26)),
            format!("{other}.{secret}"),
            format!("{ticket}.x"),
            ticket.to_ascii_uppercase(),
            format!("{}.{secret}", names.replace('.', "..")),
            "a".repeat(4_000),
        ] {
            let refused = tickets.redeem(&forged).await.unwrap_err();
            assert_eq!(refused.code, Code::Unauthorized, "{forged}");
        }
        assert!(tickets.redeem(&ticket).await.is_ok(), "none of them used it up");
    }
}
