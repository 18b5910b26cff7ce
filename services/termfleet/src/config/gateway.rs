//! `[gateway]`: what is one gateway's own.

use std::{collections::BTreeMap, time::Duration};

use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};

/// Longest name of a gateway: it travels in every `welcome`.
const MAX_ID: usize = 64;

pub(super) const SECTION: Section = Section {
    name: "gateway",
    about: "What is one gateway's own.",
    keys: &[&ID, &DRAIN_DEADLINE, &WORKER_LABELS],
};

const ID: Key = Key::new(
    "gateway.id",
    Kind::Text,
    Preset::Unset,
    "Its name towards clients and in logs; else the machine's name and the process id",
);
const DRAIN_DEADLINE: Key = Key::new(
    "gateway.drain_deadline_ms",
    Kind::Milliseconds(0, 3_600_000),
    Preset::Number(8_000),
    "How long clients may take to leave when it is told to end",
);

const WORKER_LABELS: Key = Key::new(
    "gateway.worker_labels",
    Kind::Table,
    Preset::Table(&[]),
    "Labels that a worker must have to be given sessions by this gateway",
);

/// What is one gateway's own.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// Its name.
    pub(crate) id: String,
    /// How long clients may take to leave.
    pub(crate) drain_deadline: Duration,
    /// Labels that a worker must have.
    pub(crate) worker_labels: BTreeMap<String, String>,
}

pub(super) fn parse(values: &mut Resolved) -> Gateway {
    let id = values.optional(&ID).unwrap_or_else(own_name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=MAX_ID).contains(&id.len()) || !id.bytes().all(fits) {
        values
            .refuse(&ID, format!("{id:?} is not 1 to {MAX_ID} letters, digits, `.`, `_` and `-`"));
    }
    Gateway {
        id,
        drain_deadline: values.duration(&DRAIN_DEADLINE),
        worker_labels: values.table(&WORKER_LABELS),
    }
}

/// The machine's name and the process id: no two gateways of a cluster share it.
fn own_name() -> String {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || ".-".contains(*letter);
    let node: String = node.chars().filter(plain).take(MAX_ID - 12).collect();
    format!("{node}-{}", std::process::id())
}
