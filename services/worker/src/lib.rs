//! Sessions: who watches them, who drives them, and the link to gateways.
//!
//! It owns the sessions of one ptyhost as actors, feeds every viewer from the ring by a cursor of
//! its own, keeps each session's record true in the store, and serves gateways over gRPC. It makes
//! no system call on a PTY (that is the ptyhost's), knows no key of the store, no WebSocket and no
//! user token.

mod worker;

pub mod config;

mod grpc;
mod link;
mod viewer;

mod feed;
mod keeper;
mod pump;
mod registry;
mod sample;
mod screen;
mod session;
mod sweep;
mod upkeep;

mod presence;

mod create;
mod spawn;

pub mod metrics;

mod admit;

pub use config::{Config, ProjectRoots, Shells};
pub use presence::Offer;
pub use worker::{Ended, Parts, Worker};
