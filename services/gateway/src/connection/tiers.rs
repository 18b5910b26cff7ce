//! How the seats of clients that leave it to us are fed: their project's focus decides
//! (`byte-lane.md` §8).
//!
//! A session's project is followed before a seat at it is taken, so that the first answer is right
//! already; then each change of the focus, and each word of the client about what it shows, is one
//! word to the worker, which answers with the event `tier`.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use termfleet_proto::ws::v1::Tier;
use termfleet_session::{
    code::Refusal,
    ids::{ProjectId, TenantId},
    record::Session,
};
use termfleet_store::StoreError;
use tokio_stream::StreamMap;

use super::{Connection, close::Closing, errand::Outcome, seats::Seat};
use crate::{
    edge::Edge,
    projects::{News, Watching},
    upstream::SeatKey,
};

/// A project's full name.
pub(super) type Place = (TenantId, ProjectId);

type Changes = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// Tells each time that a project's focus changes.
pub(super) struct Focus(Changes);

impl std::fmt::Debug for Focus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Focus(…)")
    }
}

/// The projects whose focus decides how a seat is fed: at most one a seat.
#[derive(Default)]
pub(super) struct Followed(StreamMap<Place, Changes>);

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followed").field("projects", &self.0.len()).finish()
    }
}

impl Followed {
    pub(super) fn add(&mut self, place: Place, focus: Focus) {
        self.0.insert(place, focus.0);
    }

    pub(super) fn contains(&self, place: &Place) -> bool {
        self.0.contains_key(place)
    }

    pub(super) fn remove(&mut self, place: &Place) {
        self.0.remove(place);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next whose focus changed. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Place> {
        self.0.next().await.map(|(place, ())| place)
    }
}

/// Follows a project's focus from now on.
async fn follow(edge: &Edge, (tenant, project): &Place) -> Result<Focus, StoreError> {
    let watching = edge.projects.watch(tenant, project).await?;
    let changes = stream::unfold(watching, |mut watching: Watching| async move {
        loop {
            match watching.next().await? {
                News::Focus(_) | News::Behind => return Some(((), watching)),
                News::Session(_) | News::Gone(_) | News::All(_) => {}
            }
        }
    });
    Ok(Focus(Box::pin(changes)))
}

/// How a seat is fed whose client leaves it to us.
fn chosen(focused: bool, visible: bool) -> Tier {
    match (focused, visible) {
        (true, _) => Tier::Live,
        (false, true) => Tier::Preview,
        (false, false) => Tier::Events,
    }
}

impl Connection {
    /// Must the project of this seat be followed before it is taken?
    pub(super) fn must_follow(&self, key: SeatKey) -> bool {
        let place = self.seats.look(key).filter(|seat| seat.is_auto()).and_then(Seat::place);
        place.is_some_and(|place| !self.followed.contains(&place))
    }

    pub(super) fn follow_first(&mut self, key: SeatKey, session: Session) -> Result<(), Closing> {
        let edge = Arc::clone(&self.edge);
        self.errands.run(async move {
            let place = (session.tenant.clone(), session.project.clone());
            let focus = follow(&edge, &place).await.map_err(Into::into);
            Outcome::Followed(key, Box::new(session), focus)
        });
        Ok(())
    }

    /// A project is followed now, or cannot be: then its seats are fed every byte.
    pub(super) fn followed(
        &mut self,
        key: SeatKey,
        session: &Session,
        focus: Result<Focus, Refusal>,
    ) -> Result<(), Closing> {
        if self.seats.look(key).is_none() {
            // Its client left meanwhile.
            return Ok(());
        }
        match focus {
            Ok(focus) => {
                self.followed.add((session.tenant.clone(), session.project.clone()), focus);
            }
            Err(error) => tracing::debug!(%error, "a session's focus is not followed"),
        }
        self.take_seat(key, session)
    }

    /// How a seat is to be fed now. Without knowledge of the focus nobody starves.
    pub(super) fn tier_of(&self, key: SeatKey) -> Option<Tier> {
        let seat = self.seats.look(key)?;
        if !seat.is_auto() {
            return Some(seat.wish.tier);
        }
        let (tenant, project) = seat.place.as_ref()?;
        let session = seat.session.as_ref()?;
        let set = self.edge.projects.known(tenant, project);
        Some(chosen(set.is_none_or(|set| set.contains(session)), seat.visible))
    }

    /// The focus of a project changed: whoever sits in it may be fed otherwise.
    pub(super) fn focus_followed(&mut self, place: &Place) {
        for key in self.fed_by(place) {
            self.feed(key);
        }
    }

    /// A seat is gone, and with the last one of its project that is no more followed.
    pub(super) fn unfollow(&mut self, gone: &Seat) {
        if let Some(place) = gone.place().filter(|place| self.fed_by(place).is_empty()) {
            self.followed.remove(&place);
        }
    }

    /// The seats that the focus of this project feeds.
    fn fed_by(&self, place: &Place) -> Vec<SeatKey> {
        let there = |seat: &Seat| seat.is_auto() && seat.place.as_ref() == Some(place);
        self.seats.iter().filter(|(_, seat)| there(seat)).map(|(key, _)| key).collect()
    }

    /// The client shows a session, or does not.
    pub(super) fn viewed(&mut self, key: SeatKey, visible: bool) {
        if let Some(seat) = self.seats.get(key) {
            seat.visible = visible;
        }
        self.feed(key);
    }

    fn feed(&mut self, key: SeatKey) {
        let tier = self.tier_of(key);
        let Some((seat, tier)) = self.seats.get(key).zip(tier) else { return };
        if let Some(attachment) = &seat.attachment {
            attachment.set_tier(tier);
        }
    }
}

#[cfg(test)]
mod tests {
    //! What focus and sight mean.
    use super::*;

    #[test]
    fn focus_decides_and_then_sight() {
        assert_eq!(chosen(true, true), Tier::Live);
        assert_eq!(chosen(true, false), Tier::Live);
        assert_eq!(chosen(false, true), Tier::Preview);
        assert_eq!(chosen(false, false), Tier::Events);
    }
}
