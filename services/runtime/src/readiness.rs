//! Whether this process should be sent new work: every gate open, and no drain begun. And in which
//! modes it runs meanwhile, which say what it cannot do although it is ready.
//!
//! Each part that must be up holds a gate. What being up means is the part's own knowledge; who
//! asks is `admin`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::drain::Drain;

/// The gates of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Readiness {
    // Held for one map access, never across an await.
    gates: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    // As the gates.
    modes: Arc<Mutex<BTreeSet<&'static str>>>,
    drain: Drain,
}

/// What stands between this process and new work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Nothing does.
    pub ready: bool,
    /// The drain has begun.
    pub draining: bool,
    /// The gates that are not open, in alphabetical order.
    pub missing: Vec<&'static str>,
    /// What it cannot do at the moment, in alphabetical order.
    pub modes: Vec<&'static str>,
}

impl Readiness {
    /// No gates: ready until the drain.
    #[must_use]
    pub fn new(drain: Drain) -> Self {
        Self { gates: Arc::default(), modes: Arc::default(), drain }
    }

    /// A new gate, closed. The part that it stands for keeps it: dropped, it closes for good, so
    /// that a part which died is missed. One gate a name.
    #[must_use = "a dropped gate is closed for good"]
    pub fn gate(&self, name: &'static str) -> Gate {
        self.gates().insert(name, false);
        Gate { readiness: self.clone(), name }
    }

    /// A new mode, off.
    #[must_use]
    pub fn mode(&self, name: &'static str) -> Mode {
        Mode { readiness: self.clone(), name }
    }

    /// How things stand.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let closed = |(name, open): (&&'static str, &bool)| (!open).then_some(*name);
        let missing: Vec<_> = self.gates().iter().filter_map(closed).collect();
        let draining = self.drain.is_draining();
        let modes = self.modes().iter().copied().collect();
        Standing { ready: missing.is_empty() && !draining, draining, missing, modes }
    }

    fn gates(&self) -> MutexGuard<'_, BTreeMap<&'static str, bool>> {
        // The map is whole between any two statements that hold the lock.
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readiness {
    fn modes(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that this process cannot do for a while, and is ready all the same: sending its work
/// elsewhere would help nobody.
#[derive(Debug)]
pub struct Mode {
    readiness: Readiness,
    name: &'static str,
}

impl Mode {
    /// Turns the mode on or off; a change is logged.
    pub fn set(&self, on: bool) {
        let mut modes = self.readiness.modes();
        let changed = if on { modes.insert(self.name) } else { modes.remove(self.name) };
        drop(modes);
        if changed {
            tracing::warn!(mode = self.name, on, "a mode changed");
        }
    }
}

/// One part's word that it is up.
#[derive(Debug)]
pub struct Gate {
    readiness: Readiness,
    name: &'static str,
}

impl Gate {
    /// Opens or closes the gate; a change is logged.
    pub fn set(&self, open: bool) {
        let before = self.readiness.gates().insert(self.name, open);
        if before != Some(open) {
            tracing::info!(gate = self.name, open, "readiness changed");
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[cfg(test)]
mod tests {
    //! Every gate must be open, and drain closes all.
    use super::*;

    #[test]
    fn ready_once_every_gate_is_open() {
        let readiness = Readiness::new(Drain::new());
        assert!(readiness.standing().ready);
        let (worker, listener) = (readiness.gate("worker"), readiness.gate("listener"));
        assert_eq!(readiness.standing().missing, ["listener", "worker"]);
        listener.set(true);
        assert_eq!(readiness.standing().missing, ["worker"]);
        worker.set(true);
        assert!(readiness.standing().ready);
        worker.set(false);
        assert!(!readiness.standing().ready);
    }

    #[test]
    fn a_part_that_died_is_missed() {
        let readiness = Readiness::new(Drain::new());
        let gate = readiness.gate("worker");
        gate.set(true);
        drop(gate);
        assert_eq!(readiness.standing().missing, ["worker"]);
    }

    #[test]
    fn a_mode_is_told_and_does_not_count_against_it() {
        let readiness = Readiness::new(Drain::new());
        let mode = readiness.mode("no_worker");
        assert!(readiness.standing().modes.is_empty());
        mode.set(true);
        let standing = readiness.standing();
        assert_eq!((standing.ready, standing.modes), (true, vec!["no_worker"]));
        mode.set(false);
        assert!(readiness.standing().modes.is_empty());
    }

    #[test]
    fn a_draining_process_is_not_ready() {
        let drain = Drain::new();
        let readiness = Readiness::new(drain.clone());
        drain.trigger();
        let standing =
            Standing { ready: false, draining: true, missing: Vec::new(), modes: Vec::new() };
        assert_eq!(readiness.standing(), standing);
    }
}
