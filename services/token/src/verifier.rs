//! Checks a user's token and says who it is.
//!
//! Whether that user may do something is `session::role`'s part; whether the token was revoked, and
//! closing what it opened once it expires, the gateway's.

use termfleet_session::{
    ids::{TenantId, UserId},
    role::Actor,
};

use crate::{
    claims::ClaimPath,
    error::{KeyError, TokenError},
    jws::{self, Kind},
    key::{Key, KeySet},
};

/// Who issues our own tokens.
pub const DEFAULT_ISSUER: &str = "termfleet";
/// Whom our own tokens are for.
pub const DEFAULT_AUDIENCE: &str = "termfleet";
/// Where our own tokens hold the role.
pub(crate) const DEFAULT_ROLE_CLAIM: &str = "role";
/// Where our own tokens hold the tenant.
pub(crate) const DEFAULT_TENANT_CLAIM: &str = "tenant";

/// What a token must say, and which keys may have signed it.
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// The one `iss`.
    pub issuer: String,
    /// What `aud` must be or contain.
    pub audience: String,
    /// Where the role stands.
    pub role: ClaimPath,
    /// Where the tenant stands.
    pub tenant: ClaimPath,
    /// The keys, each for one algorithm.
    pub keys: Vec<Key>,
}

impl VerifierConfig {
    /// What our own tokens say.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Self {
        Self {
            issuer: DEFAULT_ISSUER.to_owned(),
            audience: DEFAULT_AUDIENCE.to_owned(),
            role: DEFAULT_ROLE_CLAIM.into(),
            tenant: DEFAULT_TENANT_CLAIM.into(),
            keys,
        }
    }
}

/// Checks user tokens.
#[derive(Debug, Clone)]
pub struct Verifier {
    issuer: String,
    audience: String,
    role: ClaimPath,
    tenant: ClaimPath,
    keys: KeySet,
}

/// Who a token says its bearer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User, tenant and role.
    pub actor: Actor,
    /// From this Unix second on the token is worth nothing.
    pub expires_at: i64,
    /// The token's `jti`, else a hash of what was signed: what a revocation names.
    pub token_id: String,
}

impl Verifier {
    /// A verifier of these settings.
    ///
    /// # Errors
    /// When there is no key, two keys have the same id, or issuer or audience are empty.
    pub fn new(config: VerifierConfig) -> Result<Self, KeyError> {
        let VerifierConfig { issuer, audience, role, tenant, keys } = config;
        if issuer.is_empty() || audience.is_empty() {
            return Err(KeyError::NoAddress);
        }
        Ok(Self { issuer, audience, role, tenant, keys: KeySet::new(keys)? })
    }

    /// Whose token this is, if it is valid at this Unix second.
    ///
    /// # Errors
    /// Why it is refused; [`TokenError::code`] is what the client is told.
    pub fn verify(&self, token: &str, now_unix: i64) -> Result<Identity, TokenError> {
        let opened = jws::open(token, &self.keys, Kind::User)?;
        let claims = &opened.claims;
        claims.addressed(&self.issuer, &self.audience)?;
        let expires_at = claims.current(now_unix)?;
        let user: UserId = claims.parsed("sub")?;
        let tenant = tenant_of(&user, claims.text_at(&self.tenant, "tenant")?)?;
        let token_id = claims.token_id()?.map_or(opened.fingerprint, str::to_owned);
        let role = claims.role(&self.role)?;
        Ok(Identity { actor: Actor { user, tenant, role }, expires_at, token_id })
    }
}

/// The tenant that a token names, else the user alone. `~` is kept for the latter: no claim may name
/// another user's own tenant.
fn tenant_of(user: &UserId, named: Option<&str>) -> Result<TenantId, TokenError> {
    let alone = TenantId::of_user(user);
    match named {
        None => Ok(alone),
        Some(name) if name == alone.as_str() => Ok(alone),
        Some(name) if name.starts_with('~') => Err(TokenError::Claim("tenant")),
        Some(name) => name.parse().map_err(|_| TokenError::Claim("tenant")),
    }
}
