//! Measures Termfleet, and the floors beside it.
