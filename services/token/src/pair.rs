//! An Ed25519 pair: the private half signs, the public half checks and can do nothing else. Where
//! the files lie, and who may read them, is the binary's business.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use data_encoding::HEXLOWER;
use jsonwebtoken::EncodingKey;
use sha2::{Digest, Sha256};

use crate::{
    error::KeyError,
    key::{Algorithm, Key, Signing},
    pem,
};

/// Bytes of a key's hash that name it: collisions matter among the few keys of one cluster only.
const KID_BYTES: usize = 16;

/// The half that signs. It is never printed, and wiped on drop. Clones share it.
#[derive(Clone)]
pub struct PrivateKey {
    secret: EncodingKey,
    public: PublicKey,
}

/// The half that checks.
#[derive(Debug, Clone)]
pub struct PublicKey {
    der: Arc<[u8]>,
    kid: Arc<str>,
    key: Key,
}

impl PrivateKey {
    /// A new random pair.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::NoPair)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError::NoPair)?;
        Self::from_der(pkcs8.as_ref())
    }

    /// The key of a `PRIVATE KEY` PEM file, such as `openssl genpkey -algorithm ed25519` writes.
    ///
    /// # Errors
    /// When it is not the PEM of one Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let [der] = &pem::read(pem::PRIVATE, text)?[..] else { return Err(KeyError::NotPem) };
        Self::from_der(der)
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::NotPrivate)?;
        let public: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| KeyError::NotPrivate)?;
        let public = PublicKey::from_der(public.as_ref())?;
        Ok(Self { secret: EncodingKey::from_ed_der(der), public })
    }

    /// The key as a PEM file, to be kept where only its owner reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(pem::PRIVATE, self.secret.as_bytes())
    }

    /// The other half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    pub(crate) fn kid(&self) -> &str {
        &self.public.kid
    }

    pub(crate) fn signing(&self) -> Signing<'_> {
        Signing { algorithm: Algorithm::EdDsa, secret: &self.secret }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("kid", &self.public.kid).finish_non_exhaustive()
    }
}

impl PublicKey {
    /// The keys of a PEM file with `PUBLIC KEY` blocks: more than one while a key is replaced.
    ///
    /// # Errors
    /// When there is none, or one is not of Ed25519.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, KeyError> {
        pem::read(pem::PUBLIC, text)?.iter().map(|der| Self::from_der(der)).collect()
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if pem::algorithm(der) != Some(Algorithm::EdDsa) {
            return Err(KeyError::NotPublic);
        }
        let kid = HEXLOWER.encode(&Sha256::digest(der)[..KID_BYTES]);
        let key = Key::public(Some(&kid), Algorithm::EdDsa, der)?;
        Ok(Self { der: der.into(), kid: kid.into(), key })
    }

    /// The key as a PEM file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(pem::PUBLIC, &self.der)
    }

    pub(crate) fn key(&self) -> Key {
        self.key.clone()
    }
}

#[cfg(test)]
mod tests {
    //! Pairs survive their files, and files of other things are no pairs.
    use super::*;

    #[test]
    fn a_pair_survives_its_files() {
        let pair = PrivateKey::generate().unwrap();
        let again = PrivateKey::from_pem(&pair.to_pem()).unwrap();
        assert_eq!(again.to_pem(), pair.to_pem());
        let public = PublicKey::all_from_pem(&pair.public().to_pem()).unwrap();
        assert_eq!(public.len(), 1);
        assert_eq!(public[0].kid, pair.public().kid);
        assert_ne!(PrivateKey::generate().unwrap().kid(), pair.kid());
    }

    /// The pair that RFC 8410 §10 shows, in the form that `openssl genpkey` writes too.
    #[test]
    fn files_of_other_tools_are_read() {
        let private = "-----BEGIN PRIVATE KEY-----\n\
             MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
             -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
             MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
             -----END PUBLIC KEY-----\n";
        let pair = PrivateKey::from_pem(private).unwrap();
        assert_eq!(pair.public().to_pem(), public);
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        let pair = PrivateKey::generate().unwrap();
        let (private, public) = (pair.to_pem(), pair.public().to_pem());
        assert!(matches!(PrivateKey::from_pem(&public), Err(KeyError::NotPem)));
        assert!(matches!(PublicKey::all_from_pem(&private), Err(KeyError::NotPem)));
        for text in ["", "key", "-----BEGIN PRIVATE KEY-----\nAAAA"] {
            assert!(matches!(PrivateKey::from_pem(text), Err(KeyError::NotPem)), "{text}");
        }
        let empty = pem::write(pem::PRIVATE, &[0x30; 48]);
        assert!(matches!(PrivateKey::from_pem(&empty), Err(KeyError::NotPrivate)));
        let other = pem::write(pem::PUBLIC, &[0x30; 48]);
        assert!(matches!(PublicKey::all_from_pem(&other), Err(KeyError::NotPublic)));
    }

    #[test]
    fn debug_shows_no_secret() {
        let pair = PrivateKey::generate().unwrap();
        let secret = pair.to_pem();
        let line = secret.lines().nth(1).unwrap();
        assert!(!format!("{pair:?}").contains(&line[20..]));
    }
}
