//! Which dialect a socket speaks, and how it is chosen: by subprotocol, else by `?dialect=`, else
//! by the endpoint. What the messages of a dialect look like is `proto`'s business.

use termfleet_proto::ws::{focus_sync_v1, terminal_direct_v1, terminal_v1, v1, voice_v1};
use termfleet_session::code::{Code, Refusal};

/// A dialect that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The canonical one: binary frames, offsets, many sessions.
    TermfleetV1,
    /// The first seed's: text, many sessions.
    TerminalV1,
    /// The second seed's: text, one session.
    TerminalDirectV1,
    /// The third seed's: text, one session with its project's focus.
    FocusSyncV1,
    /// The fourth seed's: text, commands that are answered.
    VoiceV1,
}

impl Dialect {
    /// Every dialect that is served.
    pub const ALL: [Self; 5] = [
        Self::TermfleetV1,
        Self::TerminalV1,
        Self::TerminalDirectV1,
        Self::FocusSyncV1,
        Self::VoiceV1,
    ];

    /// Its name: the subprotocol, and the value of `?dialect=`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TermfleetV1 => v1::NAME,
            Self::TerminalV1 => terminal_v1::NAME,
            Self::TerminalDirectV1 => terminal_direct_v1::NAME,
            Self::FocusSyncV1 => focus_sync_v1::NAME,
            Self::VoiceV1 => voice_v1::NAME,
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Dialect::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// May its first message bring the token? The others are signed in by the upgrade or not at
    /// all.
    #[must_use]
    pub fn signs_in_band(self) -> bool {
        match self {
            Self::TermfleetV1 | Self::TerminalV1 => true,
            Self::TerminalDirectV1 | Self::FocusSyncV1 | Self::VoiceV1 => false,
        }
    }
}

/// What a client said about its dialect.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The subprotocols that it offers, without those that carry a token.
    pub offered: &'a [&'a str],
    /// The values of `?dialect=`.
    pub asked: &'a [String],
    /// What the endpoint speaks when nobody says.
    pub default: Dialect,
}

/// What was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The dialect.
    pub dialect: Dialect,
    /// It was offered as a subprotocol, so it is echoed as one.
    pub echoed: bool,
}

impl Wish<'_> {
    /// The dialect to speak. Of several subprotocols that are served the client's first wins.
    ///
    /// # Errors
    /// `BAD_MESSAGE` with a list of those served.
    pub fn choose(self) -> Result<Choice, Refusal> {
        if !self.offered.is_empty() {
            let known = self.offered.iter().find_map(|name| Dialect::from_name(name));
            let dialect = known.ok_or_else(|| unknown("subprotocols"))?;
            return Ok(Choice { dialect, echoed: true });
        }
        let dialect = match self.asked {
            [] => self.default,
            [name] => Dialect::from_name(name).ok_or_else(|| unknown("dialect"))?,
            _ => return Err(Refusal::new(Code::BadMessage, "dialect stands more than once")),
        };
        Ok(Choice { dialect, echoed: false })
    }
}

fn unknown(what: &str) -> Refusal {
    let names = Dialect::ALL.map(Dialect::name).join(", ");
    Refusal::new(Code::BadMessage, format!("{what}: none of these is served; served are {names}"))
}

#[cfg(test)]
mod tests {
    //! Who decides, in which order.

    use super::*;

    fn choose(offered: &[&str], asked: &[&str], default: Dialect) -> Result<Choice, Refusal> {
        let asked: Vec<_> = asked.iter().map(|name| (*name).to_owned()).collect();
        Wish { offered, asked: &asked, default }.choose()
    }

    #[test]
    fn the_subprotocol_wins_then_the_query_then_the_endpoint() {
        let by = |offered: &[&str], asked: &[&str]| {
            choose(offered, asked, Dialect::TerminalV1)
                .map(|choice| (choice.dialect, choice.echoed))
        };
        assert_eq!(by(&["termfleet.v1"], &["terminal.v1"]), Ok((Dialect::TermfleetV1, true)));
        assert_eq!(by(&["later.v9", "terminal.v1"], &[]), Ok((Dialect::TerminalV1, true)));
        assert_eq!(by(&[], &["terminal-direct.v1"]), Ok((Dialect::TerminalDirectV1, false)));
        assert_eq!(by(&[], &[]), Ok((Dialect::TerminalV1, false)));
    }

    #[test]
    fn an_unknown_one_is_told_which_are_served() {
        for refused in [
            choose(&["nope"], &["terminal.v1"], Dialect::TerminalV1),
            choose(&[], &["nope"], Dialect::TerminalV1),
        ] {
            let refusal = refused.unwrap_err();
            assert_eq!(refusal.code, Code::BadMessage);
            let served = "termfleet.v1, terminal.v1, terminal-direct.v1, focus-sync.v1, voice.v1";
            assert!(refusal.text.contains(served), "{}", refusal.text);
        }
        assert!(choose(&[], &["terminal.v1", "terminal.v1"], Dialect::TerminalV1).is_err());
    }
}
