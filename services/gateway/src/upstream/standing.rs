//! Whether every worker can be reached: counted by links, watched by whoever reports readiness.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How many links each worker has.
#[derive(Debug)]
pub(super) struct Tally {
    // Short and private: held for an addition.
    links: Mutex<Vec<u32>>,
    standing: watch::Sender<bool>,
}

/// One link's entry in the tally.
#[derive(Debug)]
pub(super) struct Standing {
    tally: Arc<Tally>,
    worker: usize,
    counted: std::sync::atomic::AtomicBool,
}

impl Tally {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        let (standing, _) = watch::channel(false);
        Arc::new(Self { links: Mutex::new(vec![0; workers]), standing })
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.standing.subscribe()
    }

    fn change(&self, worker: usize, by: impl FnOnce(u32) -> u32) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = links.get_mut(worker) {
            *count = by(*count);
        }
        let all = !links.is_empty() && links.iter().all(|count| *count > 0);
        self.standing.send_if_modified(|before| std::mem::replace(before, all) != all);
    }
}

impl Standing {
    pub(super) fn new(tally: &Arc<Tally>, worker: usize) -> Self {
        let counted = std::sync::atomic::AtomicBool::new(false);
        Self { tally: Arc::clone(tally), worker, counted }
    }

    /// This link stands.
    pub(super) fn gained(&self) {
        if !self.counted.swap(true, std::sync::atomic::Ordering::AcqRel) {
            self.tally.change(self.worker, |count| count + 1);
        }
    }

    /// This link is gone.
    pub(super) fn lost(&self) {
        if self.counted.swap(false, std::sync::atomic::Ordering::AcqRel) {
            self.tally.change(self.worker, |count| count.saturating_sub(1));
        }
    }
}
