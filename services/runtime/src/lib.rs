//! What every process of Termfleet needs around its work: settings, logs, traces, metrics, an admin
//! port, readiness, drain, tracked tasks, backoff and the wall clock.
//!
//! It knows nothing of sessions, terminals or Redis and imports no other crate of the house. A
//! process puts the parts together in this order: `logs::init`, `Metrics`, `Drain` and `Tasks`,
//! `Readiness`, the admin server, its own services; then it waits for `Signals`, triggers the drain
//! and waits for its tasks.

pub mod settings;

pub mod logs;
pub mod traces;

pub mod metrics;
pub mod process;

pub mod admin;
pub mod readiness;

pub mod drain;
pub mod signals;
pub mod tasks;

pub mod backoff;
pub mod beat;
pub mod clock;

pub use admin::{About, Admin};
pub use backoff::Backoff;
pub use drain::Drain;
pub use metrics::{Exporter, Metrics, Part};
pub use readiness::{Gate, Readiness};
pub use signals::Signals;
pub use tasks::Tasks;
pub use traces::Traces;
