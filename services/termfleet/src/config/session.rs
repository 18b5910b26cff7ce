//! `[session]`: how many sessions there may be, and for how long.

use std::time::Duration;

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};
use termfleet_session::limits::{SESSIONS_PER_PROJECT, SESSIONS_PER_USER};

pub(super) const SECTION: Section = Section {
    name: "session",
    about: "How many sessions there may be, and for how long.",
    keys: &[&PER_PROJECT, &PER_USER, &TIMEOUT, &CLEANUP],
};

const PER_PROJECT: Key = Key::new(
    "session.max_per_project",
    Kind::Number(1, 1_000_000),
    Preset::Number(SESSIONS_PER_PROJECT as u64),
    "Live sessions of one project",
)
.known_as(&["maxSessionsPerProject"]);
const PER_USER: Key = Key::new(
    "session.max_per_user",
    Kind::Number(1, 1_000_000),
    Preset::Number(SESSIONS_PER_USER as u64),
    "Live sessions of one user over all projects",
)
.aliases(&["limits.max_sessions_per_user"])
.known_as(&["rateLimiting.maxSessionsPerUser", "security.rateLimiting.maxSessionsPerUser"]);
const TIMEOUT: Key = Key::new(
    "session.timeout_ms",
    Kind::Milliseconds(1_000, 366 * 24 * 3_600_000),
    Preset::Number(30 * 60_000),
    "How long a session lives that nobody watches and nobody uses (input, resize, focus)",
)
.known_as(&["session.timeout", "sessionTimeout"]);
const CLEANUP: Key = Key::new(
    "session.cleanup_interval_ms",
    Kind::Milliseconds(100, 24 * 3_600_000),
    Preset::Number(60_000),
    "How often such sessions are looked for, by one of all gateways",
)
.variables(&["CLEANUP_INTERVAL"])
.known_as(&["session.cleanup_interval"]);

/// How many sessions there may be, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Live sessions of one project.
    pub(crate) max_per_project: u32,
    /// Live sessions of one user.
    pub(crate) max_per_user: u32,
    /// How long an idle one lives.
    pub(crate) timeout: Duration,
    /// How often idle ones are looked for.
    pub(crate) cleanup_interval: Duration,
}

pub(super) fn parse(values: &mut Resolved) -> Session {
    Session {
        max_per_project: values.small(&PER_PROJECT),
        max_per_user: values.small(&PER_USER),
        timeout: values.duration(&TIMEOUT),
        cleanup_interval: values.duration(&CLEANUP),
    }
}
