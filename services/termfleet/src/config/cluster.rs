//! `[cluster]`: how gateways and workers find and trust each other, and who starts workers.

use termfleet_gateway::{config::Network, scale::MOST_WORKERS};
use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Secret, Section};

pub(super) const SECTION: Section = Section {
    name: "cluster",
    about: "How gateways and workers find and trust each other.",
    keys: &[
        &SIGNING_KEY,
        &VERIFY_KEY,
        &WORKER_NETWORKS,
        &WORKER_NAMES,
        &PLAINTEXT,
        &POOL_DRIVER,
        &POOL_SIZE,
        &GRACE,
    ],
};

const SIGNING_KEY: Key = Key::new(
    "cluster.signing_key",
    Kind::Secret,
    Preset::Unset,
    "The gateways' private Ed25519 key: signs what a worker may do for whom",
);
const VERIFY_KEY: Key = Key::new(
    "cluster.verify_key",
    Kind::Contents,
    Preset::Unset,
    "The public half of that key, for workers",
);
const WORKER_NETWORKS: Key = Key::new(
    "cluster.worker_networks",
    Kind::List,
    Preset::List(&["127.0.0.0/8", "::1"]),
    "Addresses and networks that a worker's advertised address must be in; gateways connect to no other",
);
const WORKER_NAMES: Key = Key::new(
    "cluster.worker_names",
    Kind::List,
    Preset::List(&["localhost"]),
    "Names that a worker may advertise in place of an address: `w1.example`, or `.example` for all below",
);
const PLAINTEXT: Key = Key::new(
    "cluster.plaintext",
    Kind::Flag,
    Preset::Flag(false),
    "Workers may listen beyond loopback without TLS: for networks that are private already",
);
const POOL_DRIVER: Key = Key::new(
    "cluster.pool_driver",
    Kind::Choice(&["static", "process"]),
    Preset::Text("static"),
    "Who starts workers: `static`, you do; `process`, for development: one gateway of the cluster, as \
     processes on its machine with its own configuration, which must hold `cluster.verify_key` too",
);
const POOL_SIZE: Key = Key::new(
    "cluster.backend_pool_size",
    Kind::Number(1, 10_000),
    Preset::Number(1),
    "How many workers a gateway with `cluster.pool_driver = \"process\"` starts with, 1 to 64. No effect \
     with driver `static`: that pool has the workers that are started",
)
.variables(&["BACKEND_POOL_SIZE"]);
const GRACE: Key = Key::new(
    "cluster.worker_grace_ms",
    Kind::Milliseconds(1_000, 3_600_000),
    Preset::Number(60_000),
    "How long a silent worker's sessions wait for it before others may claim them",
)
.pending("sessions of a lost machine are not started elsewhere yet");

/// Who starts workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolDriver {
    /// Somebody else.
    Static,
    /// The gateway, as processes beside it.
    Process,
}

/// How gateways and workers trust each other.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The private key of gateways, as its file holds it.
    pub(crate) signing_key: Option<Secret>,
    /// Its public half, as its file holds it.
    pub(crate) verify_key: Option<String>,
    /// Where workers may be.
    pub(crate) worker_networks: Vec<Network>,
    /// What they may be called instead.
    pub(crate) worker_names: Vec<String>,
    /// Workers may listen beyond loopback without TLS.
    pub(crate) plaintext: bool,
    /// Who starts workers.
    pub(crate) pool_driver: PoolDriver,
    /// How many there are at first, if that is the gateway.
    pub(crate) pool_size: u32,
}

pub(super) fn parse(values: &mut Resolved) -> Cluster {
    values.number(&GRACE);
    let (pool_driver, pool_size) = pool(values);
    Cluster {
        signing_key: values.secret(&SIGNING_KEY),
        verify_key: values.optional(&VERIFY_KEY),
        worker_networks: values.each(&WORKER_NETWORKS),
        worker_names: values.list(&WORKER_NAMES),
        plaintext: values.flag(&PLAINTEXT),
        pool_driver,
        pool_size,
    }
}

fn pool(values: &mut Resolved) -> (PoolDriver, u32) {
    let size = u32::try_from(values.number(&POOL_SIZE)).unwrap_or(u32::MAX);
    if values.text(&POOL_DRIVER) != "process" {
        return (PoolDriver::Static, size);
    }
    if size > MOST_WORKERS {
        values.refuse(
            &POOL_SIZE,
            format!(
                "{size} are too many for cluster.pool_driver = \"process\": at most {MOST_WORKERS}"
            ),
        );
    }
    (PoolDriver::Process, size)
}
