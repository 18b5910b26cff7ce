//! Starts real processes and shows the promises kept.
