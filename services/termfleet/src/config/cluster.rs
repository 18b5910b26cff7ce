//! `[cluster]`: how gateways and workers find and trust each other, and who starts workers.

use std::path::PathBuf;

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
        &KUBERNETES_SET,
        &KUBERNETES_API,
        &KUBERNETES_ACCOUNT,
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
    Kind::Choice(&["static", "process", "kubernetes"]),
    Preset::Text("static"),
    "Who starts workers: `static`, you do; `process`, for development: one gateway of the cluster, as \
     processes on its machine with its own configuration, which must hold `cluster.verify_key` too; \
     `kubernetes`: as the pods of the StatefulSet `cluster.kubernetes_set`, scaled by any gateway",
);
const POOL_SIZE: Key = Key::new(
    "cluster.backend_pool_size",
    Kind::Number(1, 10_000),
    Preset::Number(1),
    "How many workers a gateway with `cluster.pool_driver = \"process\"` starts with, 1 to 64. No effect \
     with other drivers: those pools have the workers that are started",
)
.variables(&["BACKEND_POOL_SIZE"]);
const KUBERNETES_SET: Key = Key::new(
    "cluster.kubernetes_set",
    Kind::Text,
    Preset::Text("termfleet-worker"),
    "The StatefulSet, in the gateway's own namespace, whose pods are the workers; `worker.id` is the pod's \
     name",
);
const KUBERNETES_API: Key = Key::new(
    "cluster.kubernetes_api",
    Kind::Text,
    Preset::Unset,
    "The `https://` URL of the API server; unset, the one that every pod is told of",
);
const KUBERNETES_ACCOUNT: Key = Key::new(
    "cluster.kubernetes_account",
    Kind::Text,
    Preset::Text("/var/run/secrets/kubernetes.io/serviceaccount"),
    "The directory of the service account that asks it: `token`, `ca.crt`, `namespace`",
);
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
    /// Kubernetes, as pods.
    Kubernetes,
}

/// The workers as pods.
#[derive(Debug, Clone)]
pub(crate) struct Kubernetes {
    /// The StatefulSet's name.
    pub(crate) set: String,
    /// The API server, if it is not the one that every pod is told of.
    pub(crate) api: Option<String>,
    /// Where the service account's files are.
    pub(crate) account: PathBuf,
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
    /// Where they are, if they are pods.
    pub(crate) kubernetes: Kubernetes,
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
        kubernetes: Kubernetes {
            set: values.text(&KUBERNETES_SET),
            api: values.optional(&KUBERNETES_API),
            account: values.text(&KUBERNETES_ACCOUNT).into(),
        },
    }
}

fn pool(values: &mut Resolved) -> (PoolDriver, u32) {
    let size = u32::try_from(values.number(&POOL_SIZE)).unwrap_or(u32::MAX);
    match values.text(&POOL_DRIVER).as_ref() {
        "process" => {}
        "kubernetes" => return (PoolDriver::Kubernetes, size),
        _ => return (PoolDriver::Static, size),
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
