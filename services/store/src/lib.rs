//! Shared state behind traits: sessions and their limits, in memory.
