//! Mints and checks user tokens and worker capabilities.
//!
//! It owns what a signed token must look like and what it says about somebody; keys and settings
//! are handed to it. It reads no clock, no file and no network: time arrives as Unix seconds, and
//! where keys are kept, how a token travels and what a role may do belong to others.
//!
//! A token is opened in one order, and each step refuses before the next one looks: size, three
//! parts, header, key, algorithm, signature, payload, issuer and audience, times, subject and
//! tenant, role.

pub mod verifier;

pub mod minter;

pub mod capability;

pub mod resume;

pub mod error;
pub mod key;
pub mod pair;

mod claims;
mod json;
mod jws;
mod pem;
mod sweep;

pub use capability::{Capability, CapabilityCheck, CapabilityKey};
pub use claims::{ClaimPath, LEEWAY_SECONDS};
pub use error::{KeyError, MintError, TokenError};
pub use key::{Algorithm, Key, SigningKey};
pub use minter::{DEV_TOKEN_SECONDS, Grant, Minter};
pub use pair::{PrivateKey, PublicKey};
pub use resume::{RESUME_SECONDS, ResumeKey, ResumeTicket};
pub use verifier::{DEFAULT_AUDIENCE, DEFAULT_ISSUER, Identity, Verifier, VerifierConfig};
