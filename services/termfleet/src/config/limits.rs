//! `[limits]`: what one client may use (`--no-auth` lifts those per user and per address).

use std::time::Duration;

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};

/// Largest rate or count that may be configured: so far beyond any machine that it is no limit.
const MOST: u64 = 1_000_000_000;

pub(super) const SECTION: Section = Section {
    name: "limits",
    about: "What one client may use. `loadtest/limits.toml` lifts them for load tests.",
    keys: &[
        &SOCKETS_PER_USER,
        &HANDSHAKES,
        &HTTP_CONNECTIONS,
        &CONNECTIONS_PER_ADDRESS,
        &INPUT_BYTES,
        &INPUT_MESSAGES,
        &MESSAGES,
        &BURST,
        &WINDOW,
        &MAX_REQUESTS,
    ],
};

const SOCKETS_PER_USER: Key = Key::new(
    "limits.sockets_per_user",
    Kind::Number(1, MOST),
    Preset::Number(50),
    "WebSockets of one user, over all gateways",
);
const HANDSHAKES: Key = Key::new(
    "limits.handshakes_per_minute",
    Kind::Number(1, MOST),
    Preset::Number(100),
    "WebSocket handshakes of one address (IPv6: one /64) in a minute",
);
const HTTP_CONNECTIONS: Key = Key::new(
    "limits.http_connections",
    Kind::Number(1, 1_000_000),
    Preset::Number(4096),
    "Connections at once that are not WebSockets",
);
const CONNECTIONS_PER_ADDRESS: Key = Key::new(
    "limits.connections_per_address",
    Kind::Number(1, MOST),
    Preset::Number(256),
    "The same of one address",
);
const INPUT_BYTES: Key = Key::new(
    "limits.input_bytes_per_second",
    Kind::Bytes(1024, MOST),
    Preset::Number(1 << 20),
    "Input of one session on one socket",
);
const INPUT_MESSAGES: Key = Key::new(
    "limits.input_messages_per_second",
    Kind::Number(1, MOST),
    Preset::Number(1000),
    "Input messages of one session on one socket",
);
const MESSAGES: Key = Key::new(
    "limits.messages_per_second",
    Kind::Number(1, MOST),
    Preset::Number(100),
    "Other messages of one socket",
);
const BURST: Key = Key::new(
    "limits.messages_burst",
    Kind::Number(1, MOST),
    Preset::Number(200),
    "How many of those may come at once",
);
const WINDOW: Key = Key::new(
    "limits.window_ms",
    Kind::Milliseconds(1_000, 3_600_000),
    Preset::Number(60_000),
    "The time in which `limits.max_requests` come back",
)
.known_as(&["rateLimiting.windowMs", "security.rateLimiting.windowMs"]);
const MAX_REQUESTS: Key = Key::new(
    "limits.max_requests",
    Kind::Number(1, MOST),
    Preset::Number(6_000),
    "REST requests of one user in that time, over all gateways; they may come at once",
)
.known_as(&["rateLimiting.maxRequests", "security.rateLimiting.maxRequests"]);

/// What one client may use.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Sockets of one user.
    pub(crate) sockets_per_user: u32,
    /// REST requests of one user in the window.
    pub(crate) max_requests: u32,
    /// The time in which they come back.
    pub(crate) window: Duration,
    /// Upgrades of one address in a minute.
    pub(crate) handshakes_per_minute: u32,
    /// Connections that are not upgraded, at once.
    pub(crate) http_connections: usize,
    /// The same of one address.
    pub(crate) connections_per_address: u32,
    /// Input of one session on one socket.
    pub(crate) input_bytes_per_second: u32,
    /// Input messages of one session on one socket.
    pub(crate) input_messages_per_second: u32,
    /// Other messages of one socket.
    pub(crate) messages_per_second: u32,
    /// How many of those may come at once.
    pub(crate) messages_burst: u32,
}

pub(super) fn parse(values: &mut Resolved) -> Limits {
    Limits {
        sockets_per_user: values.small(&SOCKETS_PER_USER),
        max_requests: values.small(&MAX_REQUESTS),
        window: values.duration(&WINDOW),
        handshakes_per_minute: values.small(&HANDSHAKES),
        http_connections: values.size(&HTTP_CONNECTIONS),
        connections_per_address: values.small(&CONNECTIONS_PER_ADDRESS),
        input_bytes_per_second: values.small(&INPUT_BYTES),
        input_messages_per_second: values.small(&INPUT_MESSAGES),
        messages_per_second: values.small(&MESSAGES),
        messages_burst: values.small(&BURST),
    }
}
