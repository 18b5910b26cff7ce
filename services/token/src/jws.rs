//! The signed envelope: three base64url parts, a header that may ask for little, one signature.
//!
//! It says whose signature stands under which claims; what the claims mean is `claims`' part. A
//! token has exactly one accepted text: base64 is read strictly, without padding, white space or
//! stray bits.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::Header;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    claims::Claims,
    error::{MintError, TokenError},
    json,
    key::{Algorithm, KeySet, MAX_KID_BYTES, Signing},
};

/// Longest header, decoded: an algorithm, a type and a key id are below 400 bytes.
const MAX_HEADER_BYTES: usize = 1 << 10;
/// Longest payload, decoded: providers with many groups reach a few KiB.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 16 << 10;
/// Longest token: header and payload in base64 (4 characters for 3 bytes), and the longest
/// signature, of an 8192-bit RSA key. Nothing of a longer one is looked at.
const MAX_TOKEN_BYTES: usize = (MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES + (1 << 10)) * 4 / 3 + 8;

/// Header fields that would bring a key along, point to one, or change how the token is read.
const REFUSED_FIELDS: [&str; 8] = ["jku", "x5u", "jwk", "x5c", "crit", "b64", "zip", "enc"];

/// What kind of token is expected: one kind is never taken for another, even under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A user's. Providers write `JWT`, `at+jwt` (RFC 9068) or nothing.
    User,
    /// A worker capability, which always says so.
    Capability,
    /// What lets a gateway ask a worker to sweep, which always says so too.
    Sweep,
}

/// The type that a capability says it is.
const CAPABILITY_TYPE: &str = "termfleet-capability+jwt";
/// The same of a right to sweep.
const SWEEP_TYPE: &str = "termfleet-sweep+jwt";

impl Kind {
    fn accepts(self, typ: Option<&str>) -> bool {
        let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        match self {
            Self::User => typ.is_none() || is("JWT") || is("at+jwt"),
            Self::Capability => is(CAPABILITY_TYPE),
            Self::Sweep => is(SWEEP_TYPE),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::User => "JWT",
            Self::Capability => CAPABILITY_TYPE,
            Self::Sweep => SWEEP_TYPE,
        }
    }
}

/// A token whose signature was right.
pub(crate) struct Opened {
    /// What was signed.
    pub(crate) claims: Claims,
    /// Names the token by what was signed (not by its signature, of which ECDSA allows two).
    pub(crate) fingerprint: String,
}

/// Checks everything about a token but its claims.
pub(crate) fn open(token: &str, keys: &KeySet, kind: Kind) -> Result<Opened, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed("too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed("parts"))?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed("parts"))?;
    if payload.contains('.') {
        return Err(TokenError::Malformed("parts"));
    }
    let header = part(header, MAX_HEADER_BYTES).ok_or(TokenError::Malformed("header"))?;
    let (algorithm, kid) = read_header(&header, kind)?;
    let key = keys.find(kid).ok_or(TokenError::UnknownKey)?;
    if algorithm != key.algorithm() {
        return Err(TokenError::Algorithm);
    }
    if !key.signed(message, signature) {
        return Err(TokenError::Signature);
    }
    let claims = part(payload, MAX_PAYLOAD_BYTES).ok_or(TokenError::Malformed("payload"))?;
    let fingerprint = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(message)));
    Ok(Opened { claims: Claims::new(claims), fingerprint })
}

fn part(text: &str, most: usize) -> Option<Map<String, Value>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    if bytes.len() > most { None } else { json::object(&bytes) }
}

/// The algorithm and the key id that a header names, if it asks for nothing else.
fn read_header(
    header: &Map<String, Value>,
    kind: Kind,
) -> Result<(Algorithm, Option<&str>), TokenError> {
    if let Some(field) = REFUSED_FIELDS.into_iter().find(|field| header.contains_key(*field)) {
        return Err(TokenError::Header(field));
    }
    if !kind.accepts(optional_text(header, "typ")?) {
        return Err(TokenError::Header("typ"));
    }
    let kid = optional_text(header, "kid")?;
    if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err(TokenError::UnknownKey);
    }
    let algorithm = optional_text(header, "alg")?.and_then(Algorithm::from_name);
    Ok((algorithm.ok_or(TokenError::Algorithm)?, kid))
}

fn optional_text<'a>(
    header: &'a Map<String, Value>,
    field: &'static str,
) -> Result<Option<&'a str>, TokenError> {
    match header.get(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::Header(field)),
    }
}

/// Signs claims.
pub(crate) fn seal<T: Serialize>(
    claims: &T,
    key: Signing<'_>,
    kid: Option<&str>,
    kind: Kind,
) -> Result<String, MintError> {
    let mut header = Header::new(key.algorithm.of_library());
    header.typ = Some(kind.name().to_owned());
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, key.secret).map_err(MintError::Sign)
}
