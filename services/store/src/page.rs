//! Listings in pages: a stable order, and a cursor that says where the next page begins.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use termfleet_session::{ids::SessionId, record::Session};

use crate::error::StoreError;

/// Sessions of one page when nobody says how many: more than any default limit allows, so that an
/// ordinary client never sees a second page.
pub const DEFAULT_PAGE: usize = 50;
/// Sessions of the largest page: at most some MiB of records in one answer.
pub const MAX_PAGE: usize = 200;

/// Which part of a listing is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// After which session it begins; the first page has none.
    pub after: Option<Cursor>,
    /// How many sessions at most; 1 to [`MAX_PAGE`], and what is outside is taken as the nearest.
    pub limit: usize,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The sessions, oldest first.
    pub sessions: Vec<Session>,
    /// Where the next part begins; none if this was the last.
    pub next: Option<Cursor>,
}

/// A place in a listing: right after one session, whether that one still exists or not. Opaque to
/// clients; sessions created or closed meanwhile neither move it nor double or hide another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    created_ns: i128,
    id: SessionId,
}

impl Cursor {
    /// The place right after this session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self { created_ns: session.created_at.as_nanosecond(), id: session.id.clone() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_ns, self.id)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (created, id) = text.split_once('.').ok_or(StoreError::BadCursor)?;
        let created_ns = created.parse().map_err(|_| StoreError::BadCursor)?;
        Timestamp::from_nanosecond(created_ns).map_err(|_| StoreError::BadCursor)?;
        Ok(Self { created_ns, id: id.parse().map_err(|_| StoreError::BadCursor)? })
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { after: None, limit: DEFAULT_PAGE }
    }
}

impl Page {
    /// Cuts this page out of everything that a listing has, in any order.
    #[must_use]
    pub fn cut(&self, mut sessions: Vec<Session>) -> Listing {
        sessions.sort_by_cached_key(Cursor::of);
        if let Some(after) = &self.after {
            sessions.retain(|session| Cursor::of(session) > *after);
        }
        let limit = self.limit.clamp(1, MAX_PAGE);
        let more = sessions.len() > limit;
        sessions.truncate(limit);
        let next = if more { sessions.last().map(Cursor::of) } else { None };
        Listing { sessions, next }
    }
}

#[cfg(test)]
mod tests {
    //! What a client may send as a cursor.

    use super::*;

    #[test]
    fn a_cursor_survives_its_text_to_the_nanosecond() {
        let id = format!("{}-{}", "a".repeat(8), "b".repeat(26)).parse().unwrap();
        let cursor = Cursor { created_ns: 1_767_225_600_123_456_789, id };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn what_no_listing_gave_is_not_a_cursor() {
        let id = format!("{}-{}", "a".repeat(8), "b".repeat(26));
        let far = format!("{}.{id}", i128::MAX);
        for bad in ["", ".", "1", "1.", &id, &format!("x.{id}"), &format!("1.{id}.1"), &far] {
            assert_eq!(bad.parse::<Cursor>(), Err(StoreError::BadCursor), "{bad:?}");
        }
    }
}
