//! A text that is never shown.

use std::fmt;

/// What stands where a secret would.
pub(super) const MASK: &str = "********";

/// A secret: its `Debug` hides it, it has no `Display`, and only [`Secret::reveal`] gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A URL without the password that it may carry.
pub(super) fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return MASK.to_owned() };
    // Everything up to the last @ before the path: a password may hold one that nobody escaped.
    let authority_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_len);
    match authority.rsplit_once('@') {
        None => url.to_owned(),
        Some((user, hosts)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:{MASK}@{hosts}{path}")
        }
    }
}

#[cfg(test)]
mod tests {
    //! No password is left.
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("redis://:pass@h:6379", "redis://:********@h:6379"),
            ("rediss://ann:p@ss@h1:1,h2:2/0?x=y", "rediss://ann:********@h1:1,h2:2/0?x=y"),
            ("not a url with pass", MASK),
        ] {
            assert_eq!(masked_url(url), shown);
        }
        assert!(!format!("{:?}", Secret::new("pass")).contains("pass"));
    }
}
