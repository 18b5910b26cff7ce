//! What a token says, read claim by claim with its type.
//!
//! Times are checked here against the time that is handed in; whose token it is and what it is
//! worth is decided by `verifier` and `capability`.

use std::{convert::Infallible, fmt, str::FromStr};

use serde_json::{Map, Value};
use termfleet_session::role::Role;

use crate::error::TokenError;

/// How far ahead the clock of whoever issued a token may be: `nbf` and `iat` may lie this many
/// seconds in the future. Expiry has no leeway: it is closed on to the second.
pub const LEEWAY_SECONDS: i64 = 5;
/// Latest time a claim may hold, the last second of the year 9999: the last one that can be written
/// as a date, and far from where arithmetic overflows.
const MAX_UNIX: i64 = 253_402_300_799;
/// Longest token id: it becomes part of the list of revoked ones.
const MAX_TOKEN_ID_BYTES: usize = 256;

/// Where a claim stands: a name (`role`), names joined by dots (`realm_access.role`), or a JSON
/// pointer for names that contain dots (`/https:~1~1example.com~1role`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath {
    pointer: String,
}

impl FromStr for ClaimPath {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        if text.starts_with('/') {
            return Ok(Self { pointer: text.to_owned() });
        }
        // A slash and a tilde are escaped in pointers, dots part names in paths.
        let name = text.replace('~', "~0").replace('/', "~1").replace('.', "/");
        Ok(Self { pointer: format!("/{name}") })
    }
}

impl From<&str> for ClaimPath {
    fn from(text: &str) -> Self {
        text.parse().unwrap_or_else(|never: Infallible| match never {})
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pointer)
    }
}

/// The payload of a token whose signature was right.
pub(crate) struct Claims {
    root: Value,
}

impl Claims {
    pub(crate) fn new(claims: Map<String, Value>) -> Self {
        Self { root: Value::Object(claims) }
    }

    /// Issuer and audience are the expected ones. `aud` may be a text or a list of texts.
    pub(crate) fn addressed(&self, issuer: &str, audience: &str) -> Result<(), TokenError> {
        if self.text("iss")? != issuer {
            return Err(TokenError::Claim("iss"));
        }
        let meant = match self.root.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => {
                many.iter().all(Value::is_string) && many.iter().any(|one| one == audience)
            }
            None | Some(_) => false,
        };
        if meant { Ok(()) } else { Err(TokenError::Claim("aud")) }
    }

    /// It is valid at this time; the time of its expiry, from which on it is not.
    pub(crate) fn current(&self, now_unix: i64) -> Result<i64, TokenError> {
        let expires_at = self.time("exp")?.ok_or(TokenError::Claim("exp"))?;
        let begins = [self.time("nbf")?, self.time("iat")?].into_iter().flatten().max();
        if now_unix >= expires_at {
            return Err(TokenError::Expired);
        }
        match begins {
            Some(begins) if begins > now_unix.saturating_add(LEEWAY_SECONDS) => {
                Err(TokenError::NotYetValid)
            }
            _ => Ok(expires_at),
        }
    }

    /// A claim of the token's root that must be there and parse.
    pub(crate) fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, TokenError> {
        self.text(name)?.parse().map_err(|_| TokenError::Claim(name))
    }

    /// The text at a path; nothing if there is nothing.
    pub(crate) fn text_at(
        &self,
        path: &ClaimPath,
        what: &'static str,
    ) -> Result<Option<&str>, TokenError> {
        match self.root.pointer(&path.pointer) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Claim(what)),
        }
    }

    /// The role at a path. None, a mistyped and an unknown one are the same refusal.
    pub(crate) fn role(&self, path: &ClaimPath) -> Result<Role, TokenError> {
        let name = self.root.pointer(&path.pointer).and_then(Value::as_str);
        name.and_then(Role::from_name).ok_or(TokenError::UnknownRole)
    }

    /// The token's own id, if it has one.
    pub(crate) fn token_id(&self) -> Result<Option<&str>, TokenError> {
        let valid = |id: &str| {
            (1..=MAX_TOKEN_ID_BYTES).contains(&id.len()) && !id.chars().any(char::is_control)
        };
        match self.root.get("jti") {
            None => Ok(None),
            Some(Value::String(id)) if valid(id) => Ok(Some(id)),
            Some(_) => Err(TokenError::Claim("jti")),
        }
    }

    fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        self.root.get(name).and_then(Value::as_str).ok_or(TokenError::Claim(name))
    }

    /// A time in whole seconds since 1970.
    fn time(&self, name: &'static str) -> Result<Option<i64>, TokenError> {
        let Some(value) = self.root.get(name) else { return Ok(None) };
        let time = value.as_i64().filter(|time| (0..=MAX_UNIX).contains(time));
        time.map(Some).ok_or(TokenError::Claim(name))
    }
}

#[cfg(test)]
mod tests {
    //! Paths find claims by name, by nested names, and by names with dots or slashes.
    use super::*;

    #[test]
    fn paths_are_names_or_pointers() {
        let claims = serde_json::json!({
            "role": "a",
            "realm": {"access": {"role": "b"}},
            "https://example.com/role": "c",
            "x/~y": "d",
        });
        let Value::Object(map) = claims else { unreachable!() };
        let claims = Claims::new(map);
        for (path, found) in [
            ("role", Some("a")),
            ("realm.access.role", Some("b")),
            ("/realm/access/role", Some("b")),
            ("/https:~1~1example.com~1role", Some("c")),
            ("x/~y", Some("d")),
            ("realm.role", None),
            ("role.role", None),
        ] {
            assert_eq!(claims.text_at(&path.into(), "role"), Ok(found), "{path}");
        }
        assert_eq!(claims.text_at(&"realm".into(), "role"), Err(TokenError::Claim("role")));
    }
}
