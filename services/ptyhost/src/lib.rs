//! The ptyhost: a small process that alone opens, reads, writes, resizes, signals and waits for
//! PTYs (`byte-lane.md` §1), so that a worker can crash or be replaced without ending a shell.
//!
//! It owns each session's bytes (ring and input lanes), exit status and process facts. It knows
//! nothing of networks, users, screens or stores: that is its worker's business, which reaches it
//! over a Unix socket with the `client` feature of this crate.

pub mod host;
pub mod protocol;
pub mod ring;

#[cfg(feature = "client")]
pub mod client;

mod connection;
mod jobs;
mod outbox;
mod session;
mod writer;

mod gather;
mod pump;
mod reading;

mod pty;
mod watch;

mod proc;
mod reap;

mod wire;

pub use host::{HostConfig, ServeError, serve};
