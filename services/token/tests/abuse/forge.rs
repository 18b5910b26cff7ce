//! Tokens made by hand.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use termfleet_token::{Identity, Key, SigningKey, TokenError, Verifier, VerifierConfig};

/// When everything here happens.
pub(crate) const NOW: i64 = 1_800_000_000;
/// The verifier's secret.
pub(crate) const SECRET: [u8; 32] = *b"a secret of thirty-two bytes, ok";

/// The verifier under attack: one HS256 key without an id.
pub(crate) fn verifier() -> Verifier {
    let key = SigningKey::from_bytes(&SECRET).unwrap();
    Verifier::new(VerifierConfig::new(vec![Key::hs256(None, &key).unwrap()])).unwrap()
}

/// Claims with which nothing is wrong.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "termfleet", "aud": "termfleet", "sub": "ann", "role": "user",
        "iat": NOW - 10, "exp": NOW + 60,
    })
}

/// The same, with one claim set.
pub(crate) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// The same, without one claim.
pub(crate) fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// Header and payload as they are, signed with this HMAC secret, whatever the header says.
pub(crate) fn hmac_signed(secret: &[u8], header: &str, payload: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", b64(tag))
}

/// Good claims under this header, rightly signed.
pub(crate) fn under(header: Value) -> String {
    hmac_signed(&SECRET, &header.to_string(), &claims().to_string())
}

/// This payload under a good header, rightly signed.
pub(crate) fn signed_text(payload: &str) -> String {
    hmac_signed(&SECRET, r#"{"alg":"HS256","typ":"JWT"}"#, payload)
}

/// These claims under a good header, rightly signed.
pub(crate) fn signed(claims: &Value) -> String {
    signed_text(&claims.to_string())
}

pub(crate) fn verify(token: &str) -> Result<Identity, TokenError> {
    verifier().verify(token, NOW)
}
