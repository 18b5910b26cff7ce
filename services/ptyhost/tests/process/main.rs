//! The ptyhost as a real process with real shells, seen through its worker's half.
#![allow(clippy::unwrap_used)]

mod harness;

mod echo;
mod input;
mod lifetime;
mod output;
mod processes;
mod reading;
mod strangers;
mod takeover;
