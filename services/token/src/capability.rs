//! What a gateway hands a worker instead of the user's token: who wants to use one session, or one
//! worker as a whole, signed, for a minute.
//!
//! A worker thereby authorises every message by itself, and a worker that is taken over learns
//! nothing that opens another session or another worker's door a minute later: gateways sign with a
//! private key, and workers hold its public half alone.

use serde::Serialize;
use termfleet_session::{
    ids::{SessionId, TenantId, UserId, WorkerId},
    role::{Actor, Role},
};

use crate::{
    claims::{ClaimPath, Claims},
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
    /// What it is for: a session, …
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a SessionId>,
    /// … or a worker. Never both.
    #[serde(skip_serializing_if = "Option::is_none")]
    wid: Option<&'a WorkerId>,
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
        self.seal(Some(session), None, actor, now_unix)
    }

    /// A capability for this worker as a whole: whoever has it reaches no session by it.
    ///
    /// # Errors
    /// When signing fails.
    pub fn mint_for_worker(
        &self,
        worker: &WorkerId,
        actor: &Actor,
        now_unix: i64,
    ) -> Result<String, MintError> {
        self.seal(None, Some(worker), actor, now_unix)
    }

    fn seal(
        &self,
        sid: Option<&SessionId>,
        wid: Option<&WorkerId>,
        actor: &Actor,
        now_unix: i64,
    ) -> Result<String, MintError> {
        let claims = CapabilityClaims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: &actor.user,
            tenant: &actor.tenant,
            role: actor.role,
            sid,
            wid,
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
        let claims = self.open(capability)?;
        let expires_at = claims.current(now_unix)?;
        if claims.parsed::<SessionId>("sid")? != *session {
            return Err(TokenError::OtherSession);
        }
        let actor = self.actor(&claims)?;
        Ok(Capability { session: session.clone(), actor, expires_at })
    }

    /// Whose capability this is, if it is for this worker as a whole and valid at this Unix second.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify_for_worker(
        &self,
        capability: &str,
        worker: &WorkerId,
        now_unix: i64,
    ) -> Result<Actor, TokenError> {
        let claims = self.open(capability)?;
        claims.current(now_unix)?;
        if claims.parsed::<WorkerId>("wid")? != *worker {
            return Err(TokenError::OtherWorker);
        }
        self.actor(&claims)
    }

    fn open(&self, capability: &str) -> Result<Claims, TokenError> {
        let claims = jws::open(capability, &self.keys, Kind::Capability)?.claims;
        claims.addressed(ISSUER, AUDIENCE)?;
        Ok(claims)
    }

    fn actor(&self, claims: &Claims) -> Result<Actor, TokenError> {
        let tenant = claims.text_at(&self.tenant, "tenant")?.and_then(|name| name.parse().ok());
        Ok(Actor {
            user: claims.parsed("sub")?,
            tenant: tenant.ok_or(TokenError::Claim("tenant"))?,
            role: claims.role(&self.role)?,
        })
    }
}
