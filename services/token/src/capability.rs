//! What a gateway hands a worker instead of the user's token: who wants to use one session, signed,
//! for a minute.
//!
//! A worker thereby authorises every message by itself, and a worker that is taken over learns
//! nothing that opens another session or another worker's door a minute later.

use serde::Serialize;
use termfleet_session::{
    ids::{SessionId, TenantId, UserId},
    role::{Actor, Role},
};

use crate::{
    claims::ClaimPath,
    error::{MintError, TokenError},
    jws::{self, Kind},
    key::{Key, KeySet, SigningKey},
    verifier::{DEFAULT_ROLE_CLAIM, DEFAULT_TENANT_CLAIM},
};

/// How long a capability lasts (`security.md` §1): a gateway sends a new one before that.
pub const CAPABILITY_SECONDS: i64 = 60;
/// Who issues capabilities.
const ISSUER: &str = "termfleet-gateway";
/// Whom they are for.
const AUDIENCE: &str = "termfleet-worker";

/// The internal key, shared by gateways and workers, that signs and checks capabilities.
#[derive(Debug, Clone)]
pub struct CapabilityKey {
    signing: SigningKey,
    keys: KeySet,
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
    pub fn new(signing: SigningKey) -> Self {
        let keys = KeySet::of_one(Key::unnamed_hs256(&signing));
        let (role, tenant) = (DEFAULT_ROLE_CLAIM.into(), DEFAULT_TENANT_CLAIM.into());
        Self { signing, keys, role, tenant }
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
        jws::seal(&claims, &self.signing, None, Kind::Capability)
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
