//! The memory store keeps every promise of a store.

use std::sync::Arc;

use async_trait::async_trait;
use termfleet_store::{ManualClock, MemoryStore, Timings, conformance::Stage};

/// 2026-07-01: later than any time that the suite makes up.
const START_MS: u64 = 1_782_864_000_000;

struct Memory {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
}

#[async_trait]
impl Stage for Memory {
    type Store = MemoryStore;

    async fn open() -> Self {
        let clock = Arc::new(ManualClock::at(START_MS));
        let store = Arc::new(MemoryStore::with(Timings::default(), clock.clone()));
        Self { clock, store }
    }

    fn store(&self) -> &Arc<MemoryStore> {
        &self.store
    }

    fn timings(&self) -> Timings {
        Timings::default()
    }

    async fn pass(&self, ms: u64) {
        self.clock.advance(ms);
    }
}

termfleet_store::conformance!(Memory);
