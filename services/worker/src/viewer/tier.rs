//! How a viewer is fed (`byte-lane.md` §8).

use termfleet_proto::worker_v1 as pb;

/// How a viewer is fed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Every byte; the program waits for its driver.
    #[default]
    Live,
    /// At most two updates a second.
    Preview,
    /// No output, only events.
    Events,
}

impl Tier {
    /// What a gateway says. What this build does not know, and what only a client may say, is live:
    /// nobody starves for it.
    pub(crate) fn from_frame(tier: i32) -> Self {
        match pb::Tier::try_from(tier) {
            Ok(pb::Tier::Preview) => Self::Preview,
            Ok(pb::Tier::Events) => Self::Events,
            Ok(pb::Tier::Unspecified | pb::Tier::Live | pb::Tier::Auto) | Err(_) => Self::Live,
        }
    }
}

impl From<Tier> for pb::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Live => Self::Live,
            Tier::Preview => Self::Preview,
            Tier::Events => Self::Events,
        }
    }
}

#[cfg(test)]
mod tests {
    //! What gateways may say.
    use super::*;

    #[test]
    fn what_is_not_known_is_live() {
        let said = |tier: pb::Tier| Tier::from_frame(tier.into());
        assert_eq!(said(pb::Tier::Preview), Tier::Preview);
        assert_eq!(said(pb::Tier::Events), Tier::Events);
        for live in [pb::Tier::Live, pb::Tier::Auto, pb::Tier::Unspecified] {
            assert_eq!(said(live), Tier::Live);
        }
        assert_eq!(Tier::from_frame(99), Tier::Live);
    }
}
