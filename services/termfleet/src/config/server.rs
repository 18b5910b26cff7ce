//! `[server]`: where clients and the admin reach this process, and who they may be.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
};

use termfleet_gateway::{config::Network, ws::Site};
use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};

pub(super) const SECTION: Section = Section {
    name: "server",
    about: "Where clients and the admin reach a gateway, and which hosts and pages it answers.",
    keys: &[&HOST, &PORT, &LISTEN, &ADMIN_LISTEN, &HOSTS, &ORIGINS, &PROXIES, &THREADS],
};

const HOST: Key = Key::new(
    "server.host",
    Kind::Text,
    Preset::Text("127.0.0.1"),
    "Address that the client port listens on; `0.0.0.0` for all of them",
);
const PORT: Key = Key::new(
    "server.port",
    Kind::Number(0, 65_535),
    Preset::Number(4001),
    "The client port: REST, WebSockets and the web terminal; 0 takes a free one",
)
.variables(&["PORT"]);
const LISTEN: Key = Key::new(
    "server.listen",
    Kind::List,
    Preset::List(&[]),
    "Addresses of the client port (`IP:PORT`), in place of host and port",
);
const ADMIN_LISTEN: Key = Key::new(
    "server.admin_listen",
    Kind::Text,
    Preset::Text("127.0.0.1:9464"),
    "Address of the admin port: health and metrics. It asks for no token",
);
const HOSTS: Key = Key::new(
    "server.hosts",
    Kind::List,
    Preset::List(&[]),
    "Names that it answers to (`name` on any port, or `name:port`), beside loopback ones",
);
const ORIGINS: Key = Key::new(
    "server.cors.origins",
    Kind::List,
    Preset::List(&[]),
    "Origins whose pages may call, as `https://app.example`, beside its own pages",
)
.known_as(&["server.cors.origin", "server.origins"]);
const PROXIES: Key = Key::new(
    "server.proxies",
    Kind::List,
    Preset::List(&[]),
    "Addresses and networks of proxies whose `X-Forwarded-For` is believed",
)
.known_as(&["server.trusted_proxies"]);

const THREADS: Key = Key::new(
    "server.threads",
    Kind::Number(0, MAX_THREADS),
    Preset::Number(0),
    "Threads that serve. 0: as many as it may use cores; with `termfleet dev` one. One answers keys \
     soonest and for the least processor time: where processes share cores, let each have one",
);
/// More than any machine has cores for one process.
const MAX_THREADS: u64 = 1024;

/// Where clients and the admin reach this process.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Addresses of the client port: at least one.
    pub(crate) listen: Vec<SocketAddr>,
    /// Address of the admin port.
    pub(crate) admin_listen: SocketAddr,
    /// The hosts it answers for and the origins that may call.
    pub(crate) site: Site,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) proxies: Vec<Network>,
    /// Threads that serve, if somebody says how many.
    pub(crate) threads: Option<NonZeroUsize>,
}

pub(super) fn parse(values: &mut Resolved) -> Server {
    let host = values.parsed::<IpAddr>(&HOST).unwrap_or(Ipv4Addr::LOCALHOST.into());
    let port = values.short(&PORT);
    let mut listen: Vec<SocketAddr> = values.each(&LISTEN);
    if listen.is_empty() {
        listen.push(SocketAddr::new(host, port));
    }
    let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    Server {
        listen,
        admin_listen: values.parsed(&ADMIN_LISTEN).unwrap_or(nowhere),
        site: site(values),
        proxies: values.each(&PROXIES),
        threads: NonZeroUsize::new(values.number(&THREADS) as usize),
    }
}

fn site(values: &mut Resolved) -> Site {
    let (hosts, origins) = (values.list(&HOSTS), values.list(&ORIGINS));
    let site = termfleet_gateway::config::site(hosts.clone(), origins.clone());
    for host in hosts.iter().filter(|host| site.check_host(host).is_err()) {
        values.refuse(&HOSTS, format!("{host:?} is not a host such as `app.example` or `h:8443`"));
    }
    for origin in origins.iter().filter(|origin| !is_origin(origin)) {
        let why =
            format!("{origin:?} is not an origin: SCHEME://HOST[:PORT], with nothing behind it");
        values.refuse(&ORIGINS, why);
    }
    site
}

/// Is it an origin as browsers spell them?
fn is_origin(text: &str) -> bool {
    let Some((scheme, place)) = text.split_once("://") else { return false };
    let is_name = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !scheme.is_empty() && is_name && !place.is_empty() && place.bytes().all(allowed)
}
