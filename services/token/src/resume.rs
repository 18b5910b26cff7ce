//! Resume tickets: what a client shows to come back although its address has used up its handshakes
//! (`security.md` §4). A gateway gives one to whoever is signed in; every gateway of the cluster knows
//! it again, without asking anybody.
//!
//! A ticket signs nobody in: the identity is given as always, and the ticket is worth something only
//! with its own user's. It is text for an address, an HMAC-SHA256 over all that it says.

use std::fmt;

use aws_lc_rs::{
    encoding::AsBigEndian,
    hkdf::{HKDF_SHA256, Salt},
    hmac::{self, HMAC_SHA256},
    signature::Ed25519KeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use termfleet_session::ids::{TenantId, UserId};

use crate::{error::KeyError, pair::PrivateKey};

/// How long a ticket is good. Clients have fresh ones every 20 to 45 s, so one is, whenever their
/// connection breaks.
pub const RESUME_SECONDS: i64 = 60;
/// What the key is derived for: no other use of the cluster's key has the same one.
const LABEL: &[u8] = b"termfleet resume ticket v1";
/// The layout of what is signed.
const VERSION: u8 = 1;
/// Bytes of an HMAC-SHA256.
const TAG_LEN: usize = 32;
/// Longest ticket that is looked at: two names of 256 bytes, two connections, a time and a tag.
const MAX_TEXT: usize = 1_024;

/// What tickets are signed and known by. It is never printed.
#[derive(Clone)]
pub struct ResumeKey(hmac::Key);

/// What a ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeTicket {
    /// Where its user is.
    pub tenant: TenantId,
    /// Who may show it.
    pub user: UserId,
    /// The connection that it was given on, and whose place it takes over.
    pub connection: String,
    /// The first of the connections that followed each other by tickets: what their handshakes are
    /// counted by.
    pub first: String,
    /// From this Unix second on it is worth nothing.
    pub expires_at: i64,
}

impl ResumeKey {
    /// The key that all who have this private key share.
    ///
    /// # Errors
    /// When the key gives nothing to derive from, which a key that was read does.
    pub fn derived(from: &PrivateKey) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(from.der()).map_err(|_| KeyError::NotPrivate)?;
        // The seed, not the file: one key may be written in several ways.
        let seed = pair.seed().map_err(|_| KeyError::NotPrivate)?;
        let seed = seed.as_be_bytes().map_err(|_| KeyError::NotPrivate)?;
        let derived = Salt::new(HKDF_SHA256, &[]).extract(seed.as_ref());
        let key = derived.expand(&[LABEL], HMAC_SHA256).map_err(|_| KeyError::NotPrivate)?;
        Ok(Self(key.into()))
    }

    /// A new key, for a gateway that is alone.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Self::derived(&PrivateKey::generate()?)
    }

    /// The ticket as a client shows it.
    #[must_use]
    pub fn seal(&self, ticket: &ResumeTicket) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(ticket.expires_at.to_be_bytes());
        let texts = [ticket.tenant.as_str(), ticket.user.as_str()];
        for text in texts.into_iter().chain([&*ticket.connection, &ticket.first]) {
            // Names have at most 256 bytes, and connections are ours.
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.extend(len.to_be_bytes());
            bytes.extend(&text.as_bytes()[..len.into()]);
        }
        let tag = hmac::sign(&self.0, &bytes);
        bytes.extend(tag.as_ref());
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// What this text says, if it is a ticket of this key that is good at this Unix second.
    #[must_use]
    pub fn open(&self, text: &str, now_unix: i64) -> Option<ResumeTicket> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (said, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_LEN)?)?;
        hmac::verify(&self.0, said, tag).ok()?;
        let ticket = read(said)?;
        (now_unix < ticket.expires_at).then_some(ticket)
    }
}

impl fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeKey")
    }
}

fn read(said: &[u8]) -> Option<ResumeTicket> {
    let (&VERSION, rest) = said.split_first()? else { return None };
    let (expires_at, mut rest) = rest.split_first_chunk()?;
    let mut text = || {
        let (len, after) = rest.split_first_chunk()?;
        let (text, after) = after.split_at_checked(u16::from_be_bytes(*len).into())?;
        rest = after;
        String::from_utf8(text.to_vec()).ok()
    };
    let (tenant, user, connection, first) = (text()?, text()?, text()?, text()?);
    let (tenant, user) = (tenant.parse().ok()?, user.parse().ok()?);
    let expires_at = i64::from_be_bytes(*expires_at);
    rest.is_empty().then_some(ResumeTicket { tenant, user, connection, first, expires_at })
}

#[cfg(test)]
mod tests {
    //! What is taken for a ticket.

    use super::*;

    const NOW: i64 = 1_800_000_000;
    /// What the known pair makes of the known ticket.
    const KNOWN: &str =
        "AQAAAABrSdIAAARhY21lAANhbm4AAWIAAWEOYRp1OsaXe4xG_mtp9wN6t80yxJRmc34onRDnViiOIw";

    fn ticket() -> ResumeTicket {
        ResumeTicket {
            tenant: "~ann|eyJ é".parse().unwrap(),
            user: "ann|eyJ é".parse().unwrap(),
            connection: "abcdefghijklmnop".to_owned(),
            first: "qrstuvwxyz234567".to_owned(),
            expires_at: NOW + RESUME_SECONDS,
        }
    }

    #[test]
    fn a_ticket_says_what_it_said_until_its_time_is_over() {
        let key = ResumeKey::generate().unwrap();
        let text = key.seal(&ticket());
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
        assert_eq!(key.open(&text, NOW), Some(ticket()));
        assert_eq!(key.open(&text, NOW + RESUME_SECONDS - 1), Some(ticket()));
        assert_eq!(key.open(&text, NOW + RESUME_SECONDS), None);
    }

    #[test]
    fn the_longest_names_fit() {
        let key = ResumeKey::generate().unwrap();
        let name = "a".repeat(255);
        let long = ResumeTicket {
            tenant: format!("~{name}").parse().unwrap(),
            user: name.parse().unwrap(),
            ..ticket()
        };
        assert_eq!(key.open(&key.seal(&long), NOW), Some(long));
    }

    #[test]
    fn all_who_have_the_clusters_key_know_it_and_nobody_else() {
        let pair = PrivateKey::generate().unwrap();
        let again = PrivateKey::from_pem(&pair.to_pem()).unwrap();
        let text = ResumeKey::derived(&pair).unwrap().seal(&ticket());
        assert_eq!(ResumeKey::derived(&again).unwrap().open(&text, NOW), Some(ticket()));
        assert_eq!(ResumeKey::generate().unwrap().open(&text, NOW), None);
    }

    /// The pair of RFC 8410 §10. Another build must derive the same key, or no ticket outlives an
    /// upgrade; checked against Python's `hmac`.
    #[test]
    fn the_key_of_a_known_pair_is_the_same_for_ever() {
        let pair = "-----BEGIN PRIVATE KEY-----\n\
             MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
             -----END PRIVATE KEY-----\n";
        let key = ResumeKey::derived(&PrivateKey::from_pem(pair).unwrap()).unwrap();
        let ticket = ResumeTicket {
            tenant: "acme".parse().unwrap(),
            user: "ann".parse().unwrap(),
            connection: "b".to_owned(),
            first: "a".to_owned(),
            expires_at: NOW,
        };
        assert_eq!(key.seal(&ticket), KNOWN);
    }

    #[test]
    fn whatever_is_changed_it_is_none_any_more() {
        let key = ResumeKey::generate().unwrap();
        let text = key.seal(&ticket());
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&BASE64URL_NOPAD.encode(&changed), NOW), None, "byte {at}");
            assert_eq!(key.open(&BASE64URL_NOPAD.encode(&bytes[..at]), NOW), None, "cut at {at}");
        }
        for none in ["", "=", "a", "%", &format!("{text}="), &"a".repeat(100_000)] {
            assert_eq!(key.open(none, NOW), None);
        }
    }

    #[test]
    fn what_is_signed_and_no_ticket_is_none() {
        let key = ResumeKey::generate().unwrap();
        let mut said = BASE64URL_NOPAD.decode(key.seal(&ticket()).as_bytes()).unwrap();
        said.truncate(said.len() - TAG_LEN);
        let sealed = |said: &[u8]| {
            let tag = hmac::sign(&key.0, said);
            BASE64URL_NOPAD.encode(&[said, tag.as_ref()].concat())
        };
        assert_eq!(key.open(&sealed(&said), NOW), Some(ticket()));
        let (mut other, mut longer) = (said.clone(), said.clone());
        other[0] = 2;
        longer.push(0);
        for said in [&other[..], &longer, &said[..said.len() - 1], &[]] {
            assert_eq!(key.open(&sealed(said), NOW), None);
        }
    }
}
