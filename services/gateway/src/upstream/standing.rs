//! Whether every worker can be reached: counted by links, watched by whoever reports readiness.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use prometheus_client::metrics::counter::Counter;
use termfleet_session::ids::WorkerId;
use tokio::sync::watch;

/// How many links each worker has.
#[derive(Debug, Default)]
pub(super) struct Tally {
    // Short and private: held for an addition.
    links: Mutex<BTreeMap<WorkerId, u32>>,
    standing: watch::Sender<bool>,
    reconnects: Counter,
}

/// One link's entry in the tally.
#[derive(Debug)]
pub(super) struct Standing {
    tally: Arc<Tally>,
    worker: WorkerId,
    counted: AtomicBool,
    /// It stood, broke, and does not stand again yet.
    broken: AtomicBool,
}

impl Tally {
    /// With the counter of links that stand again.
    pub(super) fn new(reconnects: Counter) -> Self {
        Self { reconnects, ..Self::default() }
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.standing.subscribe()
    }

    /// From now on this worker is missed until it has a link.
    pub(super) fn add(&self, worker: &WorkerId) {
        self.change(|links| {
            links.entry(worker.clone()).or_default();
        });
    }

    /// This worker is missed no longer.
    pub(super) fn remove(&self, worker: &WorkerId) {
        self.change(|links| {
            links.remove(worker);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<WorkerId, u32>)) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut links);
        let all = !links.is_empty() && links.values().all(|count| *count > 0);
        self.standing.send_if_modified(|before| std::mem::replace(before, all) != all);
    }
}

impl Standing {
    pub(super) fn new(tally: &Arc<Tally>, worker: &WorkerId) -> Self {
        let (counted, broken) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { tally: Arc::clone(tally), worker: worker.clone(), counted, broken }
    }

    /// This link stands.
    pub(super) fn gained(&self) {
        if !self.counted.swap(true, Ordering::AcqRel) {
            self.count(|count| count.saturating_add(1));
            if self.broken.swap(false, Ordering::AcqRel) {
                self.tally.reconnects.inc();
            }
        }
    }

    /// This link is gone, and nobody wanted that.
    pub(super) fn broke(&self) {
        if self.counted.load(Ordering::Acquire) {
            self.broken.store(true, Ordering::Release);
        }
        self.lost();
    }

    /// This link is gone.
    pub(super) fn lost(&self) {
        if self.counted.swap(false, Ordering::AcqRel) {
            self.count(|count| count.saturating_sub(1));
        }
    }

    fn count(&self, by: impl FnOnce(u32) -> u32) {
        self.tally.change(|links| {
            if let Some(count) = links.get_mut(&self.worker) {
                *count = by(*count);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    //! What counts as a reconnection.

    use super::*;

    #[test]
    fn a_link_that_broke_and_stands_again_is_a_reconnection_and_nothing_else_is() {
        let reconnects = Counter::default();
        let tally = Arc::new(Tally::new(reconnects.clone()));
        let worker = "w1".parse().unwrap();
        tally.add(&worker);
        let link = Standing::new(&tally, &worker);
        // Attempts that come to nothing before the first one.
        link.broke();
        link.gained();
        // It moved, or fell asleep.
        link.lost();
        link.gained();
        assert_eq!(reconnects.get(), 0);
        link.broke();
        link.broke();
        assert!(!*tally.watch().borrow());
        link.gained();
        assert_eq!(reconnects.get(), 1);
        assert!(*tally.watch().borrow());
    }
}
