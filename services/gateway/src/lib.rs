//! The edge: HTTP, WebSockets, sign-in, limits, routing to workers.

pub mod ws;
