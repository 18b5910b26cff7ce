//! The cookie that may carry a token to a socket. A browser sends it along for whatever page asks, so
//! whoever is signed in by one has to name an origin that may call (`protocol.md` §5).

use std::str::FromStr;

use http::{HeaderMap, header::COOKIE};
use termfleet_session::code::Refusal;

use super::bad;

/// Longest name: those of sign-in products have some 40 bytes.
const LONGEST_NAME: usize = 128;

/// The name of a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieName(String);

/// A text that is no cookie's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cookie's name has 1 to {LONGEST_NAME} letters, digits or any of !#$%&'*+-.^_`|~")]
pub struct InvalidCookieName;

impl FromStr for CookieName {
    type Err = InvalidCookieName;

    fn from_str(text: &str) -> Result<Self, InvalidCookieName> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let named = (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(token);
        named.then(|| Self(text.to_owned())).ok_or(InvalidCookieName)
    }
}

impl CookieName {
    /// The cookie's value, if a request brings it.
    ///
    /// # Errors
    /// `BAD_MESSAGE` if it brings it twice: a page of a neighbouring host can set a second one, and
    /// which of them a browser sends first is nobody's promise.
    pub(crate) fn value<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Refusal> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';'));
        let mut values = pairs.filter_map(|pair| {
            let (name, value) = pair.trim_matches(' ').split_once('=')?;
            (name == self.0).then(|| unquoted(value))
        });
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(bad("the cookie that signs in stands more than once")),
        }
    }
}

/// A value may stand in quotes, which are not a part of it.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    //! One cookie among those that a browser sends.

    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let line = |line: &&'static str| (COOKIE, http::HeaderValue::from_static(line));
        lines.iter().map(line).collect()
    }

    #[test]
    fn the_named_cookie_is_found_among_others() {
        let name: CookieName = "__Host-tf".parse().unwrap();
        let found =
            |lines: &[&'static str]| name.value(&headers(lines)).unwrap().map(str::to_owned);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&["a=1; __Host-tfx=2; x__Host-tf=3; __host-tf=4; flag"]), None);
        assert_eq!(found(&["a=1; __Host-tf=x.y=; b=2"]).as_deref(), Some("x.y="));
        assert_eq!(found(&["a=1", "__Host-tf=\"x\""]).as_deref(), Some("x"));
    }

    #[test]
    fn two_of_them_are_refused() {
        let name: CookieName = "tf".parse().unwrap();
        for lines in [&["tf=1; tf=2"][..], &["tf=1", "tf=1"]] {
            assert_eq!(name.value(&headers(lines)).unwrap_err().code.number(), 2004);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let longest = "n".repeat(LONGEST_NAME);
        assert!(longest.parse::<CookieName>().is_ok());
        for name in ["", "a b", "a;b", "a=b", "\u{e4}", &format!("{longest}n")] {
            assert_eq!(name.parse::<CookieName>(), Err(InvalidCookieName), "{name}");
        }
    }
}
