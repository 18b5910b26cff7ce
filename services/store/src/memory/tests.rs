//! Nothing stays in memory that nobody can reach any more.

use termfleet_session::{ids::SessionId, record::Session};

use super::*;
use crate::{
    clock::ManualClock,
    directory::{Directory, Limits},
};

const TIMINGS: Timings = Timings { reservation_ms: 100, linger_ms: 1_000 };

fn store() -> (MemoryStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_782_864_000_000));
    (MemoryStore::with(TIMINGS, clock.clone()), clock)
}

fn is_empty(store: &MemoryStore) -> bool {
    store.book.lock().unwrap().is_empty()
}
