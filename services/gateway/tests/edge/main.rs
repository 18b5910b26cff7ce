//! The HTTP half of a gateway over real sockets: a real store, no worker behind it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)]

mod harness;

mod address;
mod bodies;
mod cookie;
mod drain;
mod focus;
mod handshake;
mod heads;
mod host;
mod identity;
mod limits;
mod measures;
mod openapi;
mod pages;
mod projects;
mod scale;
mod sessions;
mod slow;
mod tenancy;
mod tickets;
mod workers;
