//! Keys: the secret that signs, and the configured keys that check, each for one algorithm.
//!
//! A token may only name a key that is configured, never bring one along. Where keys come from (a
//! file, the configuration) is the binary's business.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::{error::KeyError, pem};

/// Fewest bytes of an HS256 secret: RFC 7518 §3.2 asks for the hash's own size, below which
/// guessing the key gets cheaper than breaking the hash.
pub const MIN_SECRET_BYTES: usize = 32;
/// Longest key id: providers use hashes and UUIDs. Longer ones are not even looked up.
pub const MAX_KID_BYTES: usize = 256;

/// How a key signs. One key has one algorithm, whatever a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA (PKCS #1 v1.5, 2048 to 8192 bits) with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The algorithm of that name, compared exactly: `none`, in any case, is no algorithm.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    pub(crate) fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// A secret as the envelope takes it.
#[derive(Clone, Copy)]
pub(crate) struct Signing<'a> {
    /// How it signs.
    pub(crate) algorithm: Algorithm,
    /// What it signs with.
    pub(crate) secret: &'a EncodingKey,
}

/// A secret that signs (and checks) HS256 tokens. Its bytes are wiped on drop and never printed.
#[derive(Clone)]
pub struct SigningKey {
    secret: EncodingKey,
}

impl SigningKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = [0; MIN_SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(KeyError::Random)?;
        Self::from_bytes(&secret)
    }

    /// A key of these bytes.
    ///
    /// # Errors
    /// When it has fewer than [`MIN_SECRET_BYTES`].
    pub fn from_bytes(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::TooShort(secret.len()));
        }
        Ok(Self { secret: EncodingKey::from_secret(secret) })
    }

    /// A key as [`SigningKey::to_base64`] writes it; the URL-safe alphabet, missing padding and
    /// surrounding white space are accepted too, as key files come from many hands.
    ///
    /// # Errors
    /// When it is not base64, or too short.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let text = text.trim().as_bytes();
        let secret = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
            .iter()
            .find_map(|encoding| encoding.decode(text).ok())
            .ok_or(KeyError::NotBase64)?;
        Self::from_bytes(&secret)
    }

    /// The key as text, to be kept where only its owner reads.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.secret.as_bytes())
    }

    pub(crate) fn signing(&self) -> Signing<'_> {
        Signing { algorithm: Algorithm::Hs256, secret: &self.secret }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A key that checks tokens, and for which of them.
#[derive(Debug, Clone)]
pub struct Key {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    // The library's own Debug prints "[redacted]" for its bytes.
    decoding: DecodingKey,
}

impl Key {
    /// An HS256 key. Without an id it is for tokens that name none.
    ///
    /// # Errors
    /// When the id is empty or too long.
    pub fn hs256(kid: Option<&str>, secret: &SigningKey) -> Result<Self, KeyError> {
        let decoding = DecodingKey::from_secret(secret.secret.as_bytes());
        Ok(Self { kid: checked_kid(kid)?, algorithm: Algorithm::Hs256, decoding })
    }

    /// A public key as its PEM file holds it. Its kind (RSA, P-256, Ed25519) tells the algorithm.
    ///
    /// # Errors
    /// When it is not the PEM of one public key of these kinds, or the id is empty or too long.
    pub fn from_pem(kid: Option<&str>, text: &str) -> Result<Self, KeyError> {
        let [der] = &pem::read(pem::PUBLIC, text)?[..] else { return Err(KeyError::NotPem) };
        let algorithm = pem::algorithm(der).ok_or(KeyError::NotPublic)?;
        Self::public(kid, algorithm, der)
    }

    /// A public key as DER of its SubjectPublicKeyInfo: what a `PUBLIC KEY` PEM file holds.
    ///
    /// # Errors
    /// When the algorithm has no public keys, the bytes are not DER, or the id is empty or too long.
    pub fn public(kid: Option<&str>, algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        /// What every DER structure of more than one value begins with.
        const SEQUENCE: u8 = 0x30;
        if der.first() != Some(&SEQUENCE) {
            return Err(KeyError::NotPublic);
        }
        let decoding = match algorithm {
            Algorithm::Hs256 => return Err(KeyError::NotPublic),
            Algorithm::Rs256 => DecodingKey::from_rsa_der(der),
            Algorithm::Es256 => DecodingKey::from_ec_der(der),
            Algorithm::EdDsa => DecodingKey::from_ed_der(der),
        };
        Ok(Self { kid: checked_kid(kid)?, algorithm, decoding })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Does this base64url signature belong to this message?
    pub(crate) fn signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.of_library();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, algorithm)
            .unwrap_or(false)
    }
}

fn checked_kid(kid: Option<&str>) -> Result<Option<Box<str>>, KeyError> {
    match kid {
        Some(kid) if !(1..=MAX_KID_BYTES).contains(&kid.len()) => Err(KeyError::BadKid),
        kid => Ok(kid.map(Into::into)),
    }
}

/// The configured keys: at least one, no two with the same id.
#[derive(Debug, Clone)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    pub(crate) fn new(keys: Vec<Key>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::NoKeys);
        }
        let twice = |(at, key): (usize, &Key)| keys[..at].iter().any(|other| other.kid == key.kid);
        if keys.iter().enumerate().any(twice) {
            return Err(KeyError::SameKid);
        }
        Ok(Self { keys })
    }

    pub(crate) fn of_one(key: Key) -> Self {
        Self { keys: vec![key] }
    }

    /// The key of that id. A token that names none means the key without an id, or the only one.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        let named = self.keys.iter().find(|key| key.kid.as_deref() == kid);
        match (named, kid, self.keys.as_slice()) {
            (None, None, [only]) => Some(only),
            (named, _, _) => named,
        }
    }
}

#[cfg(test)]
mod tests {
    //! What a key may be, and which one a token means.
    use super::*;

    fn hs256(kid: Option<&str>) -> Key {
        Key::hs256(kid, &SigningKey::from_bytes(&[7; 32]).unwrap()).unwrap()
    }

    #[test]
    fn empty_and_guessable_secrets_are_refused() {
        for length in [0, 1, MIN_SECRET_BYTES - 1] {
            let refused = SigningKey::from_bytes(&vec![1; length]);
            assert!(matches!(refused, Err(KeyError::TooShort(found)) if found == length));
        }
        assert!(matches!(SigningKey::from_base64(""), Err(KeyError::TooShort(0))));
        assert!(matches!(SigningKey::from_base64("no base64!"), Err(KeyError::NotBase64)));
    }

    #[test]
    fn a_key_survives_its_text() {
        let key = SigningKey::generate().unwrap();
        let text = key.to_base64();
        for variant in [
            text.clone(),
            format!(" {text}\n"),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
        ] {
            assert_eq!(SigningKey::from_base64(&variant).unwrap().to_base64(), text);
        }
        assert_ne!(SigningKey::generate().unwrap().to_base64(), text);
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SigningKey::from_bytes(&[b'A'; 32]).unwrap();
        let shown = format!("{key:?} {:?}", Key::hs256(Some("k"), &key).unwrap());
        assert!(!shown.contains("AAAA") && !shown.contains("65, 65"), "{shown}");
    }

    #[test]
    fn a_token_means_the_key_it_names() {
        let keys = KeySet::new(vec![hs256(Some("a")), hs256(Some("b")), hs256(None)]).unwrap();
        for kid in [Some("a"), Some("b"), None] {
            assert_eq!(keys.find(kid).unwrap().kid.as_deref(), kid);
        }
        assert!(keys.find(Some("c")).is_none());
        let two = KeySet::new(vec![hs256(Some("a")), hs256(Some("b"))]).unwrap();
        assert!(two.find(None).is_none());
        let one = KeySet::new(vec![hs256(Some("a"))]).unwrap();
        assert!(one.find(None).is_some());
        assert!(one.find(Some("b")).is_none());
    }

    #[test]
    fn key_sets_are_unambiguous() {
        assert!(matches!(KeySet::new(vec![]), Err(KeyError::NoKeys)));
        let same = KeySet::new(vec![hs256(Some("a")), hs256(Some("a"))]);
        assert!(matches!(same, Err(KeyError::SameKid)));
        assert!(matches!(KeySet::new(vec![hs256(None), hs256(None)]), Err(KeyError::SameKid)));
    }

    #[test]
    fn public_keys_and_ids_are_checked() {
        let secret = SigningKey::from_bytes(&[7; 32]).unwrap();
        assert!(matches!(Key::hs256(Some(""), &secret), Err(KeyError::BadKid)));
        assert!(matches!(Key::hs256(Some(&"k".repeat(257)), &secret), Err(KeyError::BadKid)));
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
            assert!(matches!(Key::public(None, algorithm, b""), Err(KeyError::NotPublic)));
        }
        let hmac = Key::public(None, Algorithm::Hs256, &[0x30; 64]);
        assert!(matches!(hmac, Err(KeyError::NotPublic)));
    }
}
