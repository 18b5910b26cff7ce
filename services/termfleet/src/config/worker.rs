//! `[worker]`: what is one worker's own.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};
use termfleet_session::{ids::WorkerId, limits::SESSIONS_PER_WORKER};
use termfleet_store::Storage;

pub(super) const SECTION: Section = Section {
    name: "worker",
    about: "What is one worker's own.",
    keys: &[&ID, &LISTEN, &ADVERTISE, &CAPACITY, &LABELS, &STORAGE, &STATE_DIR],
};

const ID: Key = Key::new(
    "worker.id",
    Kind::Text,
    Preset::Unset,
    "Its lasting name; else the machine's name. Two workers of one cluster must not share it",
);
const LISTEN: Key = Key::new(
    "worker.listen",
    Kind::Text,
    Preset::Text("127.0.0.1:4002"),
    "Address that it serves gateways on (gRPC)",
);
const ADVERTISE: Key = Key::new(
    "worker.advertise",
    Kind::Text,
    Preset::Unset,
    "Address at which gateways reach it, `HOST:PORT`; else the one it listens on",
);
const CAPACITY: Key = Key::new(
    "worker.capacity",
    Kind::Number(1, 100_000),
    Preset::Number(SESSIONS_PER_WORKER as u64),
    "How many live sessions it takes",
)
.variables(&["MAX_SESSIONS_PER_BACKEND", "MAX_SESSIONS"]);
const LABELS: Key =
    Key::new("worker.labels", Kind::Table, Preset::Table(&[]), "Labels that a session may ask for");
const STORAGE: Key = Key::new(
    "worker.storage",
    Kind::Choice(&["local", "shared"]),
    Preset::Text("local"),
    "Whether other workers see its projects' files: with `local` a project stays on its worker",
);
const STATE_DIR: Key = Key::new(
    "worker.state_dir",
    Kind::Path,
    Preset::Unset,
    "Directory of its ptyhost's socket and of projects; else `termfleet-worker` below \
     `$XDG_STATE_HOME` or `~/.local/state`",
);

/// What is one worker's own.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    /// Its lasting name.
    pub(crate) id: WorkerId,
    /// Where it serves gateways.
    pub(crate) listen: SocketAddr,
    /// Where gateways reach it, if that is somewhere else.
    pub(crate) advertise: Option<String>,
    /// How many live sessions it takes.
    pub(crate) capacity: usize,
    /// Labels that a session may ask for.
    pub(crate) labels: BTreeMap<String, String>,
    /// Who sees its projects' files.
    pub(crate) storage: Storage,
    /// The directory of its ptyhost's socket, if another than the default.
    pub(crate) state_dir: Option<PathBuf>,
}

pub(super) fn parse(values: &mut Resolved) -> Worker {
    let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let advertise = values.optional(&ADVERTISE);
    if let Some(address) = &advertise
        && address.parse::<http::uri::Authority>().ok().and_then(|known| known.port_u16()).is_none()
    {
        values.refuse(&ADVERTISE, format!("{address:?} is not HOST:PORT"));
    }
    Worker {
        id: id(values),
        listen: values.parsed(&LISTEN).unwrap_or(nowhere),
        advertise,
        capacity: values.size(&CAPACITY),
        labels: values.table(&LABELS),
        storage: Storage::from_name(&values.text(&STORAGE)).unwrap_or_default(),
        state_dir: values.path(&STATE_DIR),
    }
}

fn id(values: &mut Resolved) -> WorkerId {
    let own = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let id = values.optional(&ID).unwrap_or_else(own);
    values.checked(&ID, id.parse()).unwrap_or_else(|| {
        // Refused: only so that the other mistakes are found too.
        "unnamed".parse().unwrap_or_else(|_| unreachable!("a plain word is an id"))
    })
}
