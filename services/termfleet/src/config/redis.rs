//! `[redis]`: the store that gateways and workers share.

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Secret, Section};

pub(super) const SECTION: Section = Section {
    name: "redis",
    about: "The store that gateways and workers share. `termfleet dev` needs none.",
    keys: &[&URL],
};

const URL: Key = Key::new(
    "redis.url",
    Kind::Url,
    Preset::Unset,
    "Where Redis is: `redis://HOST:PORT/DB`, with TLS `rediss://…`; needed by gateways and workers",
)
.variables(&["REDIS_URL"]);

/// The store that gateways and workers share.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    /// Its URL, with its password: a role that needs it says so where there is none.
    pub(crate) url: Option<Secret>,
}

pub(super) fn parse(values: &mut Resolved) -> Redis {
    let url = values.secret(&URL);
    if let Some(url) = &url
        && !url.reveal().contains("://")
    {
        values.refuse(&URL, "is no URL: it begins with redis:// or rediss://");
    }
    Redis { url }
}
