//! Where a new session goes: a pure rule over what is known of the workers (`cluster.md` §4).
//!
//! What is known is up to half a second old, and other gateways decide at the same time, so this is
//! a choice and no promise: the worker itself refuses what it cannot take, and is tried no second
//! time for the same creation.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use termfleet_session::ids::WorkerId;
use termfleet_store::Storage;

/// A worker, as far as placement is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its name.
    pub(super) id: WorkerId,
    /// It answers, as far as is known.
    pub(super) healthy: bool,
    /// It takes no new sessions.
    pub(super) draining: bool,
    /// How many sessions it takes.
    pub(super) capacity: u32,
    /// How many it has.
    pub(super) load: u32,
    /// What it is called by.
    pub(super) labels: BTreeMap<String, String>,
    /// How it can run sessions.
    pub(super) backends: Vec<String>,
    /// Where its projects' files are.
    pub(super) storage: Storage,
}

/// What is asked of a worker for one creation.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish<'a> {
    /// Labels that it must have.
    pub(super) labels: BTreeMap<String, String>,
    /// How the session shall run; nothing: any way.
    pub(super) backend: Option<&'a str>,
    /// Who hosts the project already.
    pub(super) host: Option<&'a WorkerId>,
    /// Who has refused it.
    pub(super) tried: &'a [WorkerId],
    /// What the two are drawn by. With local storage it is the project's own, so that gateways which
    /// see the same begin a project on the same worker.
    pub(super) seed: &'a [u8],
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one.
    Worker(WorkerId),
    /// All that would do are full, or have refused.
    NoRoom,
    /// There is none that would do.
    NoWorker,
}

/// Chooses a worker.
pub(super) fn choose(candidates: &[Candidate], wish: &Wish<'_>) -> Choice {
    let usable: Vec<_> = candidates.iter().filter(|candidate| wish.fits(candidate)).collect();
    let hosts = |candidate: &&&Candidate| wish.host == Some(&candidate.id);
    // Its files are there: wherever else it went it would not see them.
    let host = usable.iter().find(hosts).filter(|host| host.storage == Storage::Local);
    if let Some(host) = host {
        let open = host.has_room() && !wish.tried.contains(&host.id);
        return if open { Choice::Worker(host.id.clone()) } else { Choice::NoRoom };
    }
    let healthy = usable.iter().filter(|candidate| candidate.healthy);
    let open = healthy.clone().filter(|c| c.has_room() && !wish.tried.contains(&c.id));
    match two_of(open.copied(), wish.seed) {
        (Some(first), Some(second)) if second.is_less_full_than(first) => {
            Choice::Worker(second.id.clone())
        }
        (Some(first), _) => Choice::Worker(first.id.clone()),
        (None, _) if healthy.clone().next().is_some() => Choice::NoRoom,
        (None, _) => Choice::NoWorker,
    }
}

/// Two of them, drawn by the seed: the same two in the same order, whoever draws, and others when
/// one of these has gone.
fn two_of<'a>(
    candidates: impl Iterator<Item = &'a Candidate>,
    seed: &[u8],
) -> (Option<&'a Candidate>, Option<&'a Candidate>) {
    let mut drawn: Vec<_> = candidates.map(|candidate| (lot(candidate, seed), candidate)).collect();
    drawn.sort_unstable_by_key(|(lot, _)| *lot);
    let mut drawn = drawn.into_iter().map(|(_, candidate)| candidate);
    (drawn.next(), drawn.next())
}

fn lot(candidate: &Candidate, seed: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update([0]);
    hash.update(candidate.id.as_str());
    hash.finalize().into()
}

impl Wish<'_> {
    fn fits(&self, candidate: &Candidate) -> bool {
        let labelled =
            |(name, value): (&String, &String)| candidate.labels.get(name) == Some(value);
        let runs = |backend: &str| candidate.backends.iter().any(|runs| runs == backend);
        !candidate.draining && self.labels.iter().all(labelled) && self.backend.is_none_or(runs)
    }
}

impl Candidate {
    fn has_room(&self) -> bool {
        self.load < self.capacity
    }

    /// Compares what part of their capacity is taken.
    fn is_less_full_than(&self, other: &Self) -> bool {
        u64::from(self.load) * u64::from(other.capacity)
            < u64::from(other.load) * u64::from(self.capacity)
    }
}

#[cfg(test)]
mod tests;
