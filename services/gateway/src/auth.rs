//! Who asks: the credentials of a request, and what they are worth.
//!
//! A token comes in the `Authorization` header, or (for browsers, which cannot set one on a
//! WebSocket) as the subprotocol `bearer.<jwt>` beside a real one or in a cookie; a ticket stands for
//! one that was shown before, and a first message may bring one later. A token in the address is
//! refused, because addresses are logged, shared and kept. What somebody may do is `session::role`'s
//! part.

use http::{HeaderMap, header::AUTHORIZATION};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{TenantId, UserId},
    role::{Actor, Role},
};
use termfleet_token::Verifier;

use crate::problem::Refused;

/// What stands before the token in a subprotocol entry.
const BEARER_PROTOCOL: &str = "bearer.";
/// The user that everybody is with `--no-auth`.
const DEV: &str = "dev";
/// Query parameters that exist elsewhere to carry tokens.
const TOKEN_PARAMETERS: [&str; 7] =
    ["token", "access_token", "id_token", "auth", "authorization", "bearer", "jwt"];

mod cookie;
mod tickets;

pub use self::{
    cookie::{CookieName, InvalidCookieName},
    tickets::Tickets,
};

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// User, tenant and role.
    pub actor: Actor,
    /// From this Unix second on they are not; none with `--no-auth`.
    pub expires_at: Option<i64>,
    /// What a revocation would name; none with `--no-auth`.
    pub token_id: Option<String>,
}

/// Checks tokens, or takes everybody for the same user.
#[derive(Debug, Clone)]
pub struct Auth(Mode);

#[derive(Debug, Clone)]
enum Mode {
    Tokens(Box<Verifier>),
    Off(Box<SignedIn>),
}

impl Auth {
    /// With a verifier tokens are checked; without one everybody is user `dev`, an administrator
    /// of a tenant of their own.
    #[must_use]
    pub fn new(verifier: Option<Verifier>) -> Self {
        Self(match verifier {
            Some(verifier) => Mode::Tokens(Box::new(verifier)),
            None => Mode::Off(Box::new(dev())),
        })
    }

    /// Is everybody the same user?
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self.0, Mode::Off(_))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// `UNAUTHORIZED`, `TOKEN_EXPIRED` or, where it names no known role, `FORBIDDEN`.
    pub fn verify(&self, token: &str) -> Result<SignedIn, Refusal> {
        let verifier = match &self.0 {
            Mode::Off(dev) => return Ok((**dev).clone()),
            Mode::Tokens(verifier) => verifier,
        };
        let identity = verifier.verify(token, clock::now_unix()).map_err(|error| {
            tracing::debug!(%error, "a token was refused");
            Refusal::from(error.code())
        })?;
        Ok(SignedIn {
            actor: identity.actor,
            expires_at: Some(identity.expires_at),
            token_id: Some(identity.token_id),
        })
    }

    /// Who sent a request that has to be signed in.
    ///
    /// # Errors
    /// As [`Auth::verify`]; `UNAUTHORIZED` without a token, `BAD_MESSAGE` with two.
    pub fn caller(&self, headers: &HeaderMap) -> Result<SignedIn, Refused> {
        self.sign_in(bearer(headers)?)?.ok_or_else(|| Code::Unauthorized.into())
    }

    /// Who asks for a socket; `None` if nobody said so yet.
    ///
    /// # Errors
    /// As [`Auth::verify`]; `BAD_MESSAGE` with two tokens in one place, or with one that stands
    /// alone among the subprotocols.
    pub fn opener(
        &self,
        headers: &HeaderMap,
        protocols: &Protocols<'_>,
    ) -> Result<Option<SignedIn>, Refused> {
        let token = bearer(headers)?.or(protocols.token);
        self.sign_in(token)
    }

    fn sign_in(&self, token: Option<&str>) -> Result<Option<SignedIn>, Refused> {
        match (&self.0, token) {
            (Mode::Off(dev), _) => Ok(Some((**dev).clone())),
            (Mode::Tokens(_), Some(token)) => Ok(Some(self.verify(token)?)),
            (Mode::Tokens(_), None) => Ok(None),
        }
    }
}

#[allow(clippy::unwrap_used, reason = "a constant that the test below parses")]
fn dev() -> SignedIn {
    let user: UserId = DEV.parse().unwrap();
    let tenant = TenantId::of_user(&user);
    SignedIn { actor: Actor { user, tenant, role: Role::Admin }, expires_at: None, token_id: None }
}

/// The offered subprotocols, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Protocols<'a> {
    /// Those that name a dialect.
    pub dialects: Vec<&'a str>,
    /// The one that carries a token.
    token: Option<&'a str>,
}

impl<'a> Protocols<'a> {
    /// Takes the list apart.
    ///
    /// # Errors
    /// `BAD_MESSAGE` if it carries two tokens, or one and no dialect: a browser drops a connection
    /// that echoes none of what it offered, and a token is never echoed.
    pub fn of(offered: &'a [String]) -> Result<Self, Refusal> {
        let mut found = Protocols { dialects: Vec::new(), token: None };
        for entry in offered {
            match entry.strip_prefix(BEARER_PROTOCOL) {
                None => found.dialects.push(entry),
                Some(_) if found.token.is_some() => return Err(bad("more than one bearer. entry")),
                Some(token) => found.token = Some(token),
            }
        }
        if found.token.is_some() && found.dialects.is_empty() {
            return Err(bad("offer a dialect beside bearer., such as termfleet.v1"));
        }
        Ok(found)
    }
}

/// The token of the `Authorization` header, if there is one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad("more than one Authorization header"));
    }
    let token =
        value.to_str().ok().and_then(|value| value.split_once(' ')).and_then(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
        });
    token.map(Some).ok_or_else(|| Code::Unauthorized.into())
}

fn bad(text: &str) -> Refusal {
    Refusal::new(Code::BadMessage, text)
}

/// Refuses a query that carries a token, under a usual name or by its looks.
///
/// # Errors
/// `BAD_MESSAGE`; nothing of the query is repeated.
pub fn no_token_in_query(query: &[(String, String)]) -> Result<(), Refusal> {
    let carries = |(name, value): &(String, String)| {
        TOKEN_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known))
            || looks_like_token(value)
            || looks_like_token(name)
    };
    if query.iter().any(carries) {
        return Err(bad("a token does not belong into an address: use the Authorization header"));
    }
    Ok(())
}

/// Three base64url parts, the first of which is JSON: nothing else looks like that.
#[must_use]
pub fn looks_like_token(text: &str) -> bool {
    text.find("eyJ").is_some_and(|at| text[at..].bytes().filter(|byte| *byte == b'.').count() >= 2)
}

#[cfg(test)]
mod tests;
