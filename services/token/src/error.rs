//! Why a token is refused, a key is not one, or minting failed.
//!
//! These texts are for the log; a client is told the code's own text and nothing else, so that a
//! refusal does not teach how to forge.

use termfleet_session::code::Code;

/// Why a token is refused. None of these carries any part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not the text of a signed token at all.
    #[error("malformed token: {0}")]
    Malformed(&'static str),
    /// The header asks for something that is never done.
    #[error("refused token header: {0}")]
    Header(&'static str),
    /// No configured key has that id.
    #[error("no configured key for this token")]
    UnknownKey,
    /// The token names another algorithm than its key has.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// The signature does not match.
    #[error("wrong signature")]
    Signature,
    /// A claim is missing, mistyped or meant for somebody else.
    #[error("claim missing or not valid: {0}")]
    Claim(&'static str),
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// The token is good, but names no role that exists.
    #[error("no known role in the token")]
    UnknownRole,
    /// The capability is good, but for another session.
    #[error("the capability is for another session")]
    OtherSession,
    /// The right to sweep is good, but for another worker or another time.
    #[error("the capability is for another worker or another time")]
    OtherSweep,
    /// The capability is good, but for another worker.
    #[error("the capability is for another worker")]
    OtherWorker,
}

impl TokenError {
    /// What a client is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Malformed(_)
            | Self::Header(_)
            | Self::UnknownKey
            | Self::Algorithm
            | Self::Signature
            | Self::Claim(_)
            | Self::NotYetValid => Code::Unauthorized,
            Self::Expired => Code::TokenExpired,
            Self::UnknownRole | Self::OtherSession | Self::OtherSweep | Self::OtherWorker => {
                Code::Forbidden
            }
        }
    }
}

/// Why keys or a verifier's settings are not usable.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// An HMAC key that is empty or could be guessed.
    #[error("an HS256 key needs at least {least} bytes, this one has {0}", least = crate::key::MIN_SECRET_BYTES)]
    TooShort(usize),
    /// Not base64.
    #[error("the key is not base64")]
    NotBase64,
    /// A public key that is none, or an algorithm that has none.
    #[error("not a public key for that algorithm")]
    NotPublic,
    /// Not the PEM of such a key.
    #[error("not a PEM file of that kind of key")]
    NotPem,
    /// A private key that is none of Ed25519.
    #[error("not an Ed25519 private key (PKCS #8)")]
    NotPrivate,
    /// A pair could not be made.
    #[error("no Ed25519 pair could be made")]
    NoPair,
    /// A key id that no token could name.
    #[error("a key id has 1 to {most} bytes", most = crate::key::MAX_KID_BYTES)]
    BadKid,
    /// Two keys with one id (or two without).
    #[error("two keys with the same id")]
    SameKid,
    /// A verifier without a key would refuse everybody.
    #[error("no keys are configured")]
    NoKeys,
    /// An empty issuer or audience would accept what was never meant for us.
    #[error("issuer and audience must not be empty")]
    NoAddress,
    /// The operating system gave no randomness.
    #[error("no randomness for a new key")]
    Random(#[source] getrandom::Error),
}

/// Why a token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The operating system gave no randomness.
    #[error("no randomness for a token id")]
    Random(#[source] getrandom::Error),
    /// Signing failed.
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}
