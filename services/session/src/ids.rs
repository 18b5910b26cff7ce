//! Identifiers and counted things, each a type of its own, so that none can stand for another.
//!
//! Parsing is the only way in: a value of one of these types is valid by construction. Where keys
//! are made of them is `store`'s business.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, Encoding, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest project id, alias and label key, in bytes (`cluster.md` and the abuse corpus).
pub const MAX_NAME_LEN: usize = 64;
/// Longest user or tenant name taken from a token, in bytes: long enough for any provider's
/// subject (OpenID Connect allows 255), short enough for a key.
pub const MAX_SUBJECT_LEN: usize = 255;
/// Characters of a session id that place it: the first 40 bits of a hash.
pub const TAG_LEN: usize = 8;
/// Characters of a session id that make it unguessable: 128 random bits.
const RANDOM_LEN: usize = 26;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}")]
pub struct InvalidId {
    what: &'static str,
}

fn base32_lower() -> Encoding {
    let mut spec = BASE32_NOPAD.specification();
    spec.symbols = spec.symbols.to_lowercase();
    // 26 characters carry 130 bits for 16 bytes: the two left over are always zero.
    spec.encoding().unwrap_or(BASE32_NOPAD)
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT_LEN).contains(&text.len()) && !text.chars().any(char::is_control)
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if $valid(text) { Ok(Self(text.into())) } else { Err(InvalidId { what: $what }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.0)
            }
        }
    };
}

text_id!(
    /// A session: `^[a-z2-7]{8}-[a-z2-7]{26}$`; 8 characters place it, 26 are 128 random bits.
    SessionId, "session id", is_session_id
);
text_id!(
    /// A project: `[A-Za-z0-9._-]{1,64}`, meaningful only within its tenant.
    ProjectId, "project id", is_name
);
text_id!(
    /// A client's own name for a session, unique in its tenant: `[A-Za-z0-9._-]{1,64}`.
    Alias, "alias", is_name
);
text_id!(
    /// A user, as the token's `sub` names them: 1–255 bytes without control characters.
    UserId, "user id", is_subject
);
text_id!(
    /// Who shares project names and limits: the token's `tenant`, else `~USER`.
    TenantId, "tenant id", |text: &str| text.len() <= MAX_SUBJECT_LEN + 1
        && is_subject(text.strip_prefix('~').unwrap_or(text))
);
text_id!(
    /// A worker process' lasting name.
    WorkerId, "worker id", is_name
);
text_id!(
    /// One client of one user, for input lanes and resume: 32 lower-case hex digits.
    ClientId, "client id", is_hex128
);
text_id!(
    /// The life of one ptyhost, from its start or last reset: 32 lower-case hex digits.
    Incarnation, "incarnation", is_hex128
);

fn is_session_id(text: &str) -> bool {
    let ours = |part: &str| part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    text.split_once('-').is_some_and(|(tag, random)| {
        tag.len() == TAG_LEN && random.len() == RANDOM_LEN && ours(tag) && ours(random)
    })
}

fn is_hex128(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl SessionId {
    /// A new id for a session of this project, from 128 random bits.
    #[must_use]
    pub fn new(tag: &Tag, random: [u8; 16]) -> Self {
        Self(format!("{tag}-{}", base32_lower().encode(&random)).into())
    }

    /// The part that places it: which hash tag its keys carry.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.0[..TAG_LEN]
    }
}

impl ClientId {
    /// A client id from 128 random bits.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(HEXLOWER.encode(&random).into())
    }
}

impl Incarnation {
    /// An incarnation from 128 random bits.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(HEXLOWER.encode(&random).into())
    }
}

impl TenantId {
    /// The tenant of a user whose token names none: that user alone.
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self(format!("~{user}").into())
    }
}

/// Where a project's keys live: 8 base32 characters, the first 40 bits of the SHA-256 of tenant,
/// NUL and project. Session ids begin with it, so no routing table is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag([u8; TAG_LEN]);

impl Tag {
    /// The tag of a project of a tenant.
    #[must_use]
    pub fn of(tenant: &TenantId, project: &ProjectId) -> Self {
        let mut hash = Sha256::new();
        hash.update(tenant.as_str());
        hash.update([0]);
        hash.update(project.as_str());
        let mut tag = [0; TAG_LEN];
        base32_lower().encode_mut(&hash.finalize()[..5], &mut tag);
        Self(tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a plain number.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The plain number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Number of a session's shell: grows each time a new shell has to be started.
    Epoch
);
number!(
    /// Position in the output (or, in a lane, the input) of one epoch, in bytes from 0.
    Offset
);
number!(
    /// Which worker process of an incarnation is meant: a later one has a higher generation.
    Generation
);
number!(
    /// One attachment on one socket or link; never used again there.
    ChannelId
);
number!(
    /// Which attempt of a client an attachment is: the same or a higher one wins.
    Attempt
);

number!(
    /// Which focus set of a project is meant: it grows with every change, with holes.
    FocusVersion
);

impl Offset {
    /// The offset this many bytes further on.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// How many bytes lie between an earlier offset and this one (0 if it is not earlier).
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Epoch {
    /// The epoch of the next shell: above the last one, and above any that a store which lost
    /// its newest writes could hand out again (`cluster.md` §5).
    #[must_use]
    pub fn next(self, now_ms: u64) -> Self {
        Self(self.0.saturating_add(1).max(now_ms))
    }
}

impl FocusVersion {
    /// The version after this one at that time of the store: above it, and above any that a store
    /// which lost its newest writes could hand out again (`cluster.md` §2).
    #[must_use]
    pub fn next(self, now_ms: u64) -> Self {
        Self(self.0.saturating_add(1).max(now_ms))
    }
}

#[cfg(test)]
mod tests;
