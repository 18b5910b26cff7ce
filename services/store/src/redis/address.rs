//! Where Redis is, as one URL.
//!
//! ```text
//! redis://[USER:PASSWORD@]HOST[:6379][/DB]                        one server
//! redis+sentinel://[USER:PASSWORD@]HOST[:26379],HOST,…/[DB/]NAME  the master of that name
//! redis+cluster://[USER:PASSWORD@]HOST[:6379],HOST,…              a cluster
//! ```
//!
//! `rediss`, `rediss+sentinel` and `rediss+cluster` are the same over TLS. User and password are
//! percent-encoded and belong to the servers; sentinels are asked without them first, then with
//! them. An address shows itself without them, so that it can stand in logs and errors.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;
/// Hosts in one URL: more than any deployment lists, as a cluster tells its other nodes by itself.
const MAX_HOSTS: usize = 64;

/// A text that is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(&'static str);

/// Where Redis is and how to sign in there.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) topology: Topology,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Topology {
    /// One server.
    Single(Host),
    /// Servers of which sentinels know the master.
    Sentinel { sentinels: Vec<Host>, master: String },
    /// A cluster; these nodes know the others.
    Cluster(Vec<Host>),
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(url: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidAddress(
            "must be redis://HOST, redis+sentinel://HOST,…/NAME or redis+cluster://HOST,…",
        ))?;
        let (secure, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match secure {
            "redis" => false,
            "rediss" => true,
            _ => return Err(InvalidAddress("its scheme must begin with redis or rediss")),
        };
        if rest.contains(['?', '#']) {
            return Err(InvalidAddress("takes no query: its options have settings of their own"));
        }
        let (credentials, rest) = rest.rsplit_once('@').map_or(("", rest), |parts| parts);
        let (user, password) = signing_in(credentials)?;
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (topology, db) = match kind {
            "" => {
                let [host] =
                    <[Host; 1]>::try_from(parse_hosts(hosts, SERVER_PORT)?).map_err(|_| {
                        InvalidAddress(
                            "names many hosts: say redis+sentinel:// or redis+cluster://",
                        )
                    })?;
                (Topology::Single(host), parse_db(path)?)
            }
            "sentinel" => {
                let (db, master) = path.rsplit_once('/').unwrap_or(("", path));
                if master.is_empty() {
                    return Err(InvalidAddress("must end with /NAME, the master's name"));
                }
                let sentinels = parse_hosts(hosts, SENTINEL_PORT)?;
                let master = master.to_owned();
                (Topology::Sentinel { sentinels, master }, parse_db(db)?)
            }
            "cluster" if matches!(path, "" | "0") => {
                (Topology::Cluster(parse_hosts(hosts, SERVER_PORT)?), 0)
            }
            "cluster" => return Err(InvalidAddress("has a database, a cluster has only 0")),
            _ => return Err(InvalidAddress("its scheme may end with +sentinel or +cluster")),
        };
        Ok(Self { topology, tls, user, password, db })
    }
}

fn signing_in(credentials: &str) -> Result<(Option<String>, Option<String>), InvalidAddress> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let decode = |text: &str| -> Result<Option<String>, InvalidAddress> {
        let text = percent_decode_str(text).decode_utf8();
        let text = text.map_err(|_| InvalidAddress("its user or password is not UTF-8"))?;
        Ok((!text.is_empty()).then(|| text.into_owned()))
    };
    Ok((decode(user)?, decode(password)?))
}

fn parse_hosts(hosts: &str, default_port: u16) -> Result<Vec<Host>, InvalidAddress> {
    let hosts: Result<Vec<_>, _> =
        hosts.split(',').map(|host| parse_host(host, default_port)).collect();
    let hosts = hosts?;
    if hosts.len() > MAX_HOSTS { Err(InvalidAddress("names too many hosts")) } else { Ok(hosts) }
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`.
fn parse_host(text: &str, default_port: u16) -> Result<Host, InvalidAddress> {
    let (name, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() {
        return Err(InvalidAddress("has a host without a name"));
    }
    let port = port.map_or(Ok(default_port), str::parse);
    let port = port.map_err(|_| InvalidAddress("has a port that is not a number up to 65535"))?;
    Ok(Host { name: name.to_owned(), port })
}

fn parse_db(text: &str) -> Result<i64, InvalidAddress> {
    if text.is_empty() {
        return Ok(0);
    }
    let db: u16 = text.parse().map_err(|_| InvalidAddress("its database is not a number"))?;
    Ok(db.into())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, hosts, master) = match &self.topology {
            Topology::Single(host) => ("", std::slice::from_ref(host), None),
            Topology::Sentinel { sentinels, master } => ("+sentinel", &**sentinels, Some(master)),
            Topology::Cluster(hosts) => ("+cluster", &**hosts, None),
        };
        write!(f, "redis{}{kind}://", if self.tls { "s" } else { "" })?;
        for (at, host) in hosts.iter().enumerate() {
            write!(f, "{}{host}", if at == 0 { "" } else { "," })?;
        }
        if self.db != 0 {
            write!(f, "/{}", self.db)?;
        }
        master.map_or(Ok(()), |master| write!(f, "/{master}"))
    }
}

#[cfg(test)]
mod tests {
    //! What is an address, and what it shows of itself.

    use super::*;

    fn parse(url: &str) -> Address {
        url.parse().unwrap()
    }

    #[test]
    fn each_form_is_read_and_shown_without_its_password() {
        let cases = [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://:p%40ss@10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("rediss://ann:secret@[::1]:7000", "rediss://[::1]:7000"),
            ("redis+sentinel://a,b:1/main", "redis+sentinel://a:26379,b:1/main"),
            ("redis+sentinel://a/2/main", "redis+sentinel://a:26379/2/main"),
            ("rediss+cluster://u:p@a,b:1,[::2]", "rediss+cluster://a:6379,b:1,[::2]:6379"),
        ];
        for (url, shown) in cases {
            assert_eq!(parse(url).to_string(), shown, "{url}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_may_hold_an_at_sign() {
        let address = parse("redis://ann:a%2Fb@c@host");
        assert_eq!(address.user.as_deref(), Some("ann"));
        assert_eq!(address.password.as_deref(), Some("a/b@c"));
        let address = parse("redis://:secret@host");
        assert_eq!((address.user, address.password.as_deref()), (None, Some("secret")));
    }

    #[test]
    fn what_is_not_an_address_says_why() {
        let bad = [
            "localhost:6379",
            "http://localhost",
            "redis+moon://a",
            "redis://a,b",
            "redis://",
            "redis://a:port",
            "redis://a:65536",
            "redis://a/db",
            "redis://a?tls=1",
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+cluster://a/1",
            "redis+cluster://a,,b",
            "redis://%ff@a",
        ];
        for url in bad {
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
        let hosts = |count| format!("redis+cluster://{}", vec!["a"; count].join(","));
        assert!(hosts(MAX_HOSTS).parse::<Address>().is_ok());
        assert!(hosts(MAX_HOSTS + 1).parse::<Address>().is_err());
    }
}
