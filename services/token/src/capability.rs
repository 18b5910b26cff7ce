//! What a gateway hands a worker instead of the user's token: who wants to use one session, signed,
//! for a minute.
//!
//! A worker thereby authorises every message by itself, and a worker that is taken over learns
//! nothing that opens another session or another worker's door a minute later: gateways sign with a
//! private key, and workers hold its public half alone.

use serde::Serialize;
use termfleet_session::{
    ids::{SessionId, TenantId, UserId},
    role::{Actor, Role},
};

use crate::{
    claims::ClaimPath,
    error::{KeyError, MintError, TokenError},
    jws::{self, Kind},
    key::KeySet,
    pair::{PrivateKey, PublicKey},
    verifier::{DEFAULT_ROLE_CLAIM, DEFAULT_TENANT_CLAIM},
};

/// How long a capability lasts (`security.md` §1): a gateway sends a new one before that.
pub const CAPABILITY_SECONDS: i64 = 60;
/// Who issues capabilities.
pub(crate) const ISSUER: &str = "termfleet-gateway";
/// Whom they are for.
pub(crate) const AUDIENCE: &str = "termfleet-worker";

/// What a gateway signs capabilities with.
#[derive(Debug, Clone)]
pub struct CapabilityKey {
    pub(crate) signing: PrivateKey,
}

/// What a worker checks them with: it can make none.
#[derive(Debug, Clone)]
pub struct CapabilityCheck {
    pub(crate) keys: KeySet,
    role: ClaimPath,
    tenant: ClaimPath,
}

/// Somebody's right to one session, as far as their role goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// The session.
    pub session: SessionId,
    /// Who uses it, and with which role.
    pub actor: Actor,
    /// From this Unix second on it is worth nothing.
    pub expires_at: i64,
}

#[derive(Serialize)]
struct CapabilityClaims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a UserId,
    tenant: &'a TenantId,
    role: Role,
    sid: &'a SessionId,
    iat: i64,
    exp: i64,
}

impl CapabilityKey {
    /// Capabilities signed with this key.
    #[must_use]
    pub fn new(signing: PrivateKey) -> Self {
        Self { signing }
    }

    /// Capabilities signed with a new key: for a process that is gateway and worker in one.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        PrivateKey::generate().map(Self::new)
    }

    /// What checks them.
    #[must_use]
    pub fn check(&self) -> CapabilityCheck {
        CapabilityCheck::of(KeySet::of_one(self.signing.public().key()))
    }

    /// A capability for this session and user, valid for [`CAPABILITY_SECONDS`].
    ///
    /// # Errors
    /// When signing fails.
    pub fn mint(
        &self,
        session: &SessionId,
        actor: &Actor,
        now_unix: i64,
    ) -> Result<String, MintError> {
        let claims = CapabilityClaims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: &actor.user,
            tenant: &actor.tenant,
            role: actor.role,
            sid: session,
            iat: now_unix,
            exp: now_unix.saturating_add(CAPABILITY_SECONDS),
        };
        let kid = Some(self.signing.kid());
        jws::seal(&claims, self.signing.signing(), kid, Kind::Capability)
    }
}

impl CapabilityCheck {
    /// Checks capabilities of any of these keys: two of them while a key is being replaced.
    ///
    /// # Errors
    /// When there are none, or two are the same.
    pub fn new(keys: &[PublicKey]) -> Result<Self, KeyError> {
        Ok(Self::of(KeySet::new(keys.iter().map(PublicKey::key).collect())?))
    }

    fn of(keys: KeySet) -> Self {
        Self { keys, role: DEFAULT_ROLE_CLAIM.into(), tenant: DEFAULT_TENANT_CLAIM.into() }
    }

    /// What this capability allows, if it is for this session and valid at this Unix second.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        &self,
        capability: &str,
        session: &SessionId,
        now_unix: i64,
    ) -> Result<Capability, TokenError> {
        let opened = jws::open(capability, &self.keys, Kind::Capability)?;
        let claims = &opened.claims;
        claims.addressed(ISSUER, AUDIENCE)?;
        let expires_at = claims.current(now_unix)?;
        if claims.parsed::<SessionId>("sid")? != *session {
            return Err(TokenError::OtherSession);
        }
        let tenant = claims.text_at(&self.tenant, "tenant")?.and_then(|name| name.parse().ok());
        let actor = Actor {
            user: claims.parsed("sub")?,
            tenant: tenant.ok_or(TokenError::Claim("tenant"))?,
            role: claims.role(&self.role)?,
        };
        Ok(Capability { session: session.clone(), actor, expires_at })
    }
}
