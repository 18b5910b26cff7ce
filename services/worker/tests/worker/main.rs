//! The worker with a real ptyhost process, real shells, and a real gRPC client on a Unix socket: one
//! behaviour a module.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)]

mod gateway;
mod heard;
mod stage;

mod acks;
mod attach;
mod creation;
mod driver;
mod echo;
mod ending;
mod flow;
mod idle;
mod input;
mod interrupt;
mod metrics;
mod pictures;
mod presence;
mod resized;
mod resume;
mod roles;
mod shells;
mod takeover;
mod tiers;
mod upkeep;
