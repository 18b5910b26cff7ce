//! The abuse corpus for tokens: every forged or broken one, and what it must get.
//!
//! Tokens are put together by hand and signed by another library than the one that checks them, so
//! that each is wrong in exactly one way.

#![allow(clippy::unwrap_used)]

mod forge;

mod claims;
mod header;
mod keys;
mod mutation;
mod public_keys;
