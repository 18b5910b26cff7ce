//! `[auth]`: whose tokens are believed, and how our own are made.

use std::time::Duration;

use data_encoding::BASE64_MIME_PERMISSIVE;
use termfleet_gateway::auth::CookieName;
use termfleet_runtime::settings::{Key as Setting, Kind, Preset, Resolved, Secret, Section};
use termfleet_token::{
    Algorithm, DEFAULT_AUDIENCE, DEFAULT_ISSUER, Key, Minter, SigningKey, Verifier, VerifierConfig,
};

pub(super) const SECTION: Section = Section {
    name: "auth",
    about: "Whose tokens are believed. Tokens are JWTs with `sub`, `exp`, `iss` and `aud`.",
    keys: &[
        &PROVIDER,
        &ALGORITHM,
        &SECRET,
        &PUBLIC_KEY,
        &KEY_ID,
        &ISSUER,
        &AUDIENCE,
        &ROLE_CLAIM,
        &TENANT_CLAIM,
        &EXPIRES_IN,
        &COOKIE,
        &ROLES,
    ],
};

const PROVIDER: Setting = Setting::new(
    "auth.provider",
    Kind::Choice(&["jwt"]),
    Preset::Text("jwt"),
    "How clients are recognised",
)
.known_as(&["authentication.provider", "security.authentication.provider"]);
const ALGORITHM: Setting = Setting::new(
    "auth.algorithm",
    Kind::Choice(&["HS256", "RS256", "ES256", "EdDSA"]),
    Preset::Text("HS256"),
    "The one algorithm of the key: `HS256` with a secret, the others with a public key",
);
const SECRET: Setting = Setting::new(
    "auth.secret",
    Kind::Secret,
    Preset::Unset,
    "The HS256 key, base64, at least 32 bytes; needed by gateways unless there is a public key",
)
.known_as(&["authentication.secret", "security.authentication.secret", "JWT_SECRET"]);
const PUBLIC_KEY: Setting = Setting::new(
    "auth.public_key",
    Kind::Contents,
    Preset::Unset,
    "The public key of RS256, ES256 or EdDSA: a PEM text `PUBLIC KEY`",
);
const KEY_ID: Setting = Setting::new(
    "auth.key_id",
    Kind::Text,
    Preset::Unset,
    "The `kid` of tokens for this key; without one it is for all that name none",
);
const ISSUER: Setting =
    Setting::new("auth.issuer", Kind::Text, Preset::Text(DEFAULT_ISSUER), "The only good `iss`");
const AUDIENCE: Setting = Setting::new(
    "auth.audience",
    Kind::Text,
    Preset::Text(DEFAULT_AUDIENCE),
    "What `aud` must be or contain",
);
const ROLE_CLAIM: Setting = Setting::new(
    "auth.role_claim",
    Kind::Text,
    Preset::Text("role"),
    "Where the role (admin, user, viewer) stands: a name, a path `a.b`, or a JSON pointer",
);
const TENANT_CLAIM: Setting = Setting::new(
    "auth.tenant_claim",
    Kind::Text,
    Preset::Text("tenant"),
    "Where the tenant stands; a token without one is its user's alone",
);
const EXPIRES_IN: Setting = Setting::new(
    "auth.expires_in_ms",
    Kind::Milliseconds(60_000, 366 * 24 * 3_600_000),
    Preset::Number(30 * 24 * 3_600_000),
    "How long tokens last that `termfleet token` makes with this configuration",
)
.known_as(&["authentication.expiresIn", "auth.expires_in"]);
const COOKIE: Setting = Setting::new(
    "auth.cookie",
    Kind::Text,
    Preset::Unset,
    "Name of a cookie whose token signs WebSockets in, for pages that may call; without one no cookie does",
);
const ROLES: Setting = Setting::new(
    "auth.roles",
    Kind::Table,
    Preset::Table(&[("admin", "*"), ("user", "create read update delete"), ("viewer", "read")]),
    "What each role may do to sessions",
)
.known_as(&["authorization.roles", "security.authorization.roles"])
.pending("roles are these three, and what they may do is fixed");

/// Whose tokens are believed.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    /// Checks tokens; absent where no key is configured.
    pub(crate) verifier: Option<Verifier>,
    /// Makes tokens; absent where no secret is configured.
    pub(crate) minter: Option<Minter>,
    /// How long tokens last that are made here.
    pub(crate) expires_in: Duration,
    /// The cookie whose token signs sockets in.
    pub(crate) cookie: Option<CookieName>,
}

pub(super) fn parse(values: &mut Resolved) -> Auth {
    values.text(&PROVIDER);
    values.table(&ROLES);
    let kid = values.optional(&KEY_ID);
    let (secret, key) = key(values, kid.as_deref());
    let config = VerifierConfig {
        issuer: values.text(&ISSUER),
        audience: values.text(&AUDIENCE),
        role: values.text(&ROLE_CLAIM).as_str().into(),
        tenant: values.text(&TENANT_CLAIM).as_str().into(),
        keys: key.into_iter().collect(),
    };
    let minter = secret.map(|secret| {
        let minter = Minter::new(secret)
            .with_issuer(config.issuer.clone())
            .with_audience(config.audience.clone());
        match kid {
            Some(kid) => minter.with_kid(kid),
            None => minter,
        }
    });
    for key in [&ISSUER, &AUDIENCE] {
        if values.text(key).is_empty() {
            values.refuse(key, "must not be empty, or tokens for anybody would do");
        }
    }
    let verifier = match config.keys.is_empty() {
        true => None,
        // Empty texts, its only other objection, are refused above.
        false => Verifier::new(config).ok(),
    };
    let cookie = values.optional(&COOKIE).and_then(|name| values.checked(&COOKIE, name.parse()));
    Auth { verifier, minter, expires_in: values.duration(&EXPIRES_IN), cookie }
}

/// The configured key; an HS256 one also signs.
fn key(values: &mut Resolved, kid: Option<&str>) -> (Option<SigningKey>, Option<Key>) {
    let algorithm = match values.text(&ALGORITHM).as_str() {
        "RS256" => Algorithm::Rs256,
        "ES256" => Algorithm::Es256,
        "EdDSA" => Algorithm::EdDsa,
        _ => Algorithm::Hs256,
    };
    let (secret, public) = (values.secret(&SECRET), values.optional(&PUBLIC_KEY));
    match (algorithm, secret, public) {
        (Algorithm::Hs256, Some(secret), None) => {
            let secret = checked_secret(values, &secret);
            let key = secret.as_ref().map(|secret| Key::hs256(kid, secret));
            (secret, key.and_then(|key| values.checked(&KEY_ID, key)))
        }
        (Algorithm::Hs256, _, Some(_)) => {
            values.refuse(&PUBLIC_KEY, "auth.algorithm is HS256, which has no public keys");
            (None, None)
        }
        (_, Some(_), _) => {
            values.refuse(&SECRET, "is of no use: auth.algorithm has public keys");
            (None, None)
        }
        (_, None, Some(pem)) => {
            let key =
                der(&pem).ok_or("is no PEM text of a PUBLIC KEY".to_owned()).and_then(|der| {
                    Key::public(kid, algorithm, &der).map_err(|error| error.to_string())
                });
            (None, values.checked(&PUBLIC_KEY, key))
        }
        (_, None, None) => (None, None),
    }
}

fn checked_secret(values: &mut Resolved, secret: &Secret) -> Option<SigningKey> {
    values.checked(&SECRET, SigningKey::from_base64(secret.reveal()))
}

/// What a `PUBLIC KEY` PEM text holds.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    BASE64_MIME_PERMISSIVE.decode(body.trim().as_bytes()).ok()
}
