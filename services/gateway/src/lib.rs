//! The edge: HTTP, WebSockets, sign-in, limits, routing to workers.
//!
//! `accept` takes connections, `http` checks and routes their requests to `rest`, `pages` or
//! `upgrade`, which opens sockets for `connection` behind the guard `ws`. What may be done with
//! sessions stands in `sessions`; who runs them is reached through `upstream`. Nothing here
//! outlives a reconnect.

pub mod config;

pub mod accept;
pub mod edge;

pub mod auth;
pub mod problem;

pub mod dialect;

pub mod admit;

pub mod focus;
pub mod hooks;
pub mod idle;
pub mod projects;
pub mod scale;
pub mod sessions;

pub mod openapi;
pub mod pages;

pub mod measuring;
pub mod metrics;
pub mod vitals;

mod http;
mod rest;
mod route;
mod upgrade;

pub mod connection;
pub mod upstream;

pub mod ws;

pub use accept::{Gateway, Parts};
pub use config::Config;
pub use edge::{Edge, Opened};
pub use pages::{Asset, Pages};
