//! A gateway's sockets over the wire: a real store, an independent WebSocket client, and a scripted
//! worker on the other end of a real link, whose every frame can be looked at, delayed or cut.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../edge/harness.rs"]
#[allow(dead_code, reason = "shared with the tests of the HTTP half, which use all of it")]
mod harness;

mod client;
mod worker;
mod world;

mod broken_link;
mod canonical;
mod deflate;
mod drain;
mod fleet;
mod focus;
mod focus_sync;
mod interrupt;
mod measures;
mod messages;
mod projects;
mod reading;
mod resume;
mod seeds;
mod sign_in;
mod suspension;
mod text;
mod tiers;
mod turns;
mod voice;
mod workers;
