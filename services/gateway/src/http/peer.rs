//! The client's address behind proxies: believed only where a configured proxy wrote it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::config::Network;

/// Where each proxy adds the address that it heard from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address: the nearest to us that is no proxy of ours. What stands before it was
/// written by the client itself, or by somebody that we do not know.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_ours = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut nearest = peer.to_canonical();
    if !is_ours(nearest) {
        return nearest;
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for entry in entries {
        let Some(address) = parse(entry.trim()) else { return nearest };
        nearest = address;
        if !is_ours(address) {
            return address;
        }
    }
    nearest
}

fn parse(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    entry.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    //! Who is believed.

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn a_strangers_header_is_ignored() {
        assert_eq!(seen("192.0.2.1", &["203.0.113.5"]), "192.0.2.1");
    }

    #[test]
    fn a_proxys_header_is_read_from_the_end() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 203.0.113.5, 10.0.0.2"]), "203.0.113.5");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "203.0.113.5"]), "203.0.113.5");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_last_known() {
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.5, unknown"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.9"]), "10.0.0.9");
    }
}
