//! Makes HS256 user tokens: for development, for `termfleet token`, and for tests.
//!
//! In production an identity provider issues them; this is then not used.

use data_encoding::HEXLOWER;
use serde::Serialize;
use termfleet_session::{
    ids::{TenantId, UserId},
    role::Role,
};

use crate::{
    error::MintError,
    jws::{self, Kind},
    key::SigningKey,
    verifier::{DEFAULT_AUDIENCE, DEFAULT_ISSUER},
};

/// How long a development token lasts: 30 days, so that a newcomer's bookmarked page still works
/// next week, while a forgotten one does not work for ever.
pub const DEV_TOKEN_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: UserId,
    /// Their tenant; none is the user alone.
    pub tenant: Option<TenantId>,
    /// Their role.
    pub role: Role,
}

/// Makes user tokens that `VerifierConfig::new` with the same key accepts.
#[derive(Debug, Clone)]
pub struct Minter {
    key: SigningKey,
    kid: Option<String>,
    issuer: String,
    audience: String,
}

#[derive(Serialize)]
struct UserClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a TenantId>,
    role: Role,
    iat: i64,
    exp: i64,
    jti: String,
}

impl Minter {
    /// A minter with our own issuer and audience, and no key id.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let (issuer, audience) = (DEFAULT_ISSUER.to_owned(), DEFAULT_AUDIENCE.to_owned());
        Self { key, kid: None, issuer, audience }
    }

    /// With this key id in the header.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// With this issuer.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// With this audience.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// A token with an id of its own, valid from `now_unix` for `lifetime_seconds`.
    ///
    /// # Errors
    /// When there is no randomness for the id, or signing fails.
    pub fn mint(
        &self,
        grant: &Grant,
        now_unix: i64,
        lifetime_seconds: i64,
    ) -> Result<String, MintError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(MintError::Random)?;
        let claims = UserClaims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: &grant.user,
            tenant: grant.tenant.as_ref(),
            role: grant.role,
            iat: now_unix,
            exp: now_unix.saturating_add(lifetime_seconds),
            jti: HEXLOWER.encode(&id),
        };
        jws::seal(&claims, self.key.signing(), self.kid.as_deref(), Kind::User)
    }
}
