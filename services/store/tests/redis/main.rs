//! The Redis store on real servers: one, a master with sentinels, and a cluster, each started by the
//! tests and ended with them. `servers` starts them; the other files are what is tested.

#![allow(clippy::unwrap_used)]

mod servers;

mod conformance;
mod crashes;
mod faults;
mod gateways;
mod limits;
mod measured;
mod once;
mod start;
mod tls;
