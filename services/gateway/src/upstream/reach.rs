//! Which addresses of workers are believed. An address comes from the store, and whoever could
//! write one there would be sent every keystroke of a session: only configured networks and names
//! are dialled (`security.md` §2).

use std::net::{IpAddr, SocketAddr};

use crate::config::Network;

/// This machine: wherever else workers are has to be said.
const DEFAULT_NETWORKS: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Where workers may be.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Networks of addresses that are written as numbers.
    pub networks: Vec<Network>,
    /// Names: `worker-1.internal`, or `.internal` for all names below.
    pub names: Vec<String>,
}

impl Default for Reach {
    fn default() -> Self {
        let networks = DEFAULT_NETWORKS.iter().filter_map(|text| text.parse().ok()).collect();
        Self { networks, names: vec!["localhost".to_owned()] }
    }
}

/// Why an address is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("not HOST:PORT")]
    Malformed,
    #[error("not in the configured networks of workers")]
    Network,
    #[error("not one of the configured names of workers")]
    Name,
}

impl Reach {
    /// May this `host:port` be dialled?
    pub(super) fn check(&self, address: &str) -> Result<(), Refused> {
        if let Ok(address) = address.parse::<SocketAddr>() {
            return self.check_ip(address.ip());
        }
        let (host, port) = address.rsplit_once(':').ok_or(Refused::Malformed)?;
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if port.parse::<u16>().is_err() || host.is_empty() || !host.bytes().all(name) {
            return Err(Refused::Malformed);
        }
        // What only looks like a name must not slip past the networks: `127.1` is an address to a
        // resolver.
        if host.rsplit('.').next().is_none_or(|last| last.parse::<u64>().is_ok()) {
            return Err(Refused::Malformed);
        }
        let host = host.to_ascii_lowercase();
        let is = |name: &String| match name.strip_prefix('.') {
            Some(_) => host.ends_with(name.as_str()) && host.len() > name.len(),
            None => host == *name,
        };
        if self.names.iter().any(is) { Ok(()) } else { Err(Refused::Name) }
    }

    fn check_ip(&self, ip: IpAddr) -> Result<(), Refused> {
        let within = self.networks.iter().any(|network| network.contains(ip));
        if within { Ok(()) } else { Err(Refused::Network) }
    }
}

#[cfg(test)]
mod tests {
    //! What is dialled and what is not.
    use super::*;

    #[test]
    fn by_default_workers_are_on_this_machine() {
        let reach = Reach::default();
        for address in ["127.0.0.1:1", "127.9.9.9:65535", "[::1]:7000", "localhost:7000"] {
            assert_eq!(reach.check(address), Ok(()), "{address}");
        }
        for address in ["10.0.0.1:7000", "[2001:db8::1]:7000", "169.254.169.254:80", "0.0.0.0:1"] {
            assert_eq!(reach.check(address), Err(Refused::Network), "{address}");
        }
        for address in ["example.com:7000", "localhost.example.com:7000"] {
            assert_eq!(reach.check(address), Err(Refused::Name), "{address}");
        }
    }

    #[test]
    fn names_are_whole_or_all_below_a_domain() {
        let names = vec!["w1".to_owned(), ".workers.internal".to_owned()];
        let reach = Reach { networks: Vec::new(), names };
        assert_eq!(reach.check("w1:7000"), Ok(()));
        assert_eq!(reach.check("A.Workers.Internal:7000"), Ok(()));
        for address in ["w11:7000", "workers.internal:7000", ".workers.internal:1", "w2:7000"] {
            assert!(reach.check(address).is_err(), "{address}");
        }
        assert_eq!(reach.check("127.0.0.1:7000"), Err(Refused::Network));
    }

    #[test]
    fn what_is_no_address_is_not_dialled() {
        let reach = Reach { names: vec![".1".into(), "a".into()], ..Reach::default() };
        for address in [
            "",
            "a",
            "a:",
            ":1",
            "a:65536",
            "a:7000/x",
            "u@a:1",
            "127.1:80",
            "0x7f000001:80",
            "a b:1",
        ] {
            assert!(reach.check(address).is_err(), "{address}");
        }
    }
}
