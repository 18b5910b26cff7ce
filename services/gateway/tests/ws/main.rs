//! The WebSocket guard over real sockets: the frame and handshake parts of the abuse corpus, an
//! independent client, and messages cut in every way. The server is the echo example itself.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod corpus;
mod cuts;
mod handshake;
mod limits;
mod patience;
mod raw;
mod round_trip;

// The example's command line is not used here.
#[allow(dead_code)]
#[path = "../../examples/echo.rs"]
mod echo;
