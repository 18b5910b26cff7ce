//! A gateway's configuration: finished types with the house's defaults. Where the values come from
//! (flags, files, variables) is the binary's business.

use std::{net::IpAddr, str::FromStr, time::Duration};

use termfleet_session::limits::{DEFAULT_SIZE, FOCUSED_PER_PROJECT, MAX_INPUT_BYTES, Size};
use termfleet_store as store;

use crate::{
    auth::CookieName,
    idle::Idle,
    vitals::{SAMPLE_INTERVAL, Thresholds},
    ws::{self, Hosts, Origins, Site},
};

/// How long a drain may take before what is left is dropped: clients are spread over the first
/// seconds of it, and supervisors kill after ten by habit.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(8);

/// Everything that a gateway can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which gateway this is, for clients and logs.
    pub instance: String,
    /// The version of the build.
    pub version: &'static str,
    /// The hosts it answers for and the origins that may call it.
    pub site: Site,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Network>,
    /// The cookie whose token signs sockets in; none does by default.
    pub cookie: Option<CookieName>,
    /// The size of a session for which nobody gave one.
    pub size: Size,
    /// What one client may use.
    pub limits: Limits,
    /// Which sessions are focused.
    pub focus: Focus,
    /// What one socket's messages may cost.
    pub socket: ws::Limits,
    /// How long a drain may take.
    pub drain_deadline: Duration,
    /// How it looks at itself.
    pub monitoring: Monitoring,
    /// When sessions are idle.
    pub idle: Idle,
}

/// How a gateway looks at itself.
#[derive(Debug, Clone)]
pub struct Monitoring {
    /// Time between two samples, and between two looks at a focused session.
    pub sample_interval: Duration,
    /// What is too much, until somebody sets it otherwise.
    pub thresholds: Thresholds,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { sample_interval: SAMPLE_INTERVAL, thresholds: Thresholds::default() }
    }
}

impl Config {
    /// A gateway with the default limits.
    #[must_use]
    pub fn new(instance: impl Into<String>, version: &'static str, site: Site) -> Self {
        Self {
            instance: instance.into(),
            version,
            site,
            proxies: Vec::new(),
            cookie: None,
            size: DEFAULT_SIZE,
            limits: Limits::default(),
            focus: Focus::default(),
            socket: ws::Limits::default(),
            drain_deadline: DRAIN_DEADLINE,
            monitoring: Monitoring::default(),
            idle: Idle::default(),
        }
    }
}

/// The site of a server that checks tokens: these hosts and loopback (probes and tunnels arrive
/// there), its own pages, and pages of these origins.
#[must_use]
pub fn site(mut hosts: Vec<String>, origins: Vec<String>) -> Site {
    hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    Site { hosts: Hosts::Listed(hosts), origins: Origins::SameOrListed(origins) }
}

/// What one client may use (`security.md` §4). With `--no-auth` those per user and per address do
/// not apply.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sessions of a project and of a user.
    pub sessions: store::Limits,
    /// Sockets of one user: several devices with a dozen tabs each.
    pub sockets_per_user: u32,
    /// REST requests of one user in `requests_window`, over the whole cluster. They may come at once.
    pub max_requests: u32,
    /// The time in which as many come back.
    pub requests_window: Duration,
    /// Upgrades of one address (IPv6: one /64) in a minute.
    pub handshakes_per_minute: u32,
    /// Connections that are not upgraded, at once: about 30 KiB each at most while they send
    /// their headers.
    pub http_connections: usize,
    /// The same of one address, so that one cannot take all of them.
    pub connections_per_address: u32,
    /// Longest input of one message: at most what a worker takes, which is the default.
    pub input_message_bytes: usize,
    /// Input of one session on one socket.
    pub input_bytes_per_second: u32,
    /// Input messages of one session on one socket.
    pub input_messages_per_second: u32,
    /// Other messages of one socket.
    pub messages_per_second: u32,
    /// How many of those may come at once: a page that brings all its tabs back.
    pub messages_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: store::Limits::default(),
            sockets_per_user: 50,
            max_requests: 6_000,
            requests_window: Duration::from_secs(60),
            handshakes_per_minute: 100,
            http_connections: 4096,
            connections_per_address: 256,
            input_message_bytes: MAX_INPUT_BYTES,
            input_bytes_per_second: 1 << 20,
            input_messages_per_second: 1000,
            messages_per_second: 100,
            messages_burst: 200,
        }
    }
}

/// Which of a project's sessions are focused (`cluster.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Focus {
    /// How many may be at a time, 1 or more. All gateways of a cluster must say the same.
    pub max_per_project: usize,
    /// A new session is focused at once. Off by default: what is started in the background must not
    /// take the focus from what somebody looks at.
    pub auto_focus_new: bool,
}

impl Default for Focus {
    fn default() -> Self {
        Self { max_per_project: FOCUSED_PER_PROJECT, auto_focus_new: false }
    }
}

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// A text that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address or a network such as 10.0.0.0/8")]
pub struct InvalidNetwork(String);

impl Network {
    /// Is the address one of this network?
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = (ours.to_bits() ^ theirs.to_bits()).leading_zeros();
                differing >= self.prefix
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = (ours.to_bits() ^ theirs.to_bits()).leading_zeros();
                differing >= self.prefix
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| invalid())?;
        if prefix > longest {
            return Err(invalid());
        }
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    //! Networks, as an operator writes them.

    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        assert!(contains("10.0.0.0/8", "10.255.1.2"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("fd00::/8", "fdab::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        // A dual-stack listener shows IPv4 clients as mapped addresses.
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "proxy", "10.0.0/8", "1.2.3.4/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
