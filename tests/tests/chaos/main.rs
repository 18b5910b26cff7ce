//! A client, its gateway and its worker on a network that breaks anywhere: what the client saw is what
//! the program printed, and what the program read is what the client was acknowledged, byte by byte.
#![allow(clippy::unwrap_used)]

mod between;
mod cuts;
mod probe;
mod random;
mod snapshots;
mod weather;
