//! Free ports for processes that must be told theirs, because others are told it too, or because
//! they are to come back on it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result};

/// Below the ports that the kernel gives to clients (32768 and up), so that no socket of a test takes
/// one between our look and its use.
const FIRST: u16 = 12_000;
/// How many are tried.
const COUNT: u16 = 20_000;

/// Tests of one process take one after the other, and each process begins somewhere else.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address that nobody listens on.
///
/// # Errors
/// If there is none.
pub fn free() -> Result<SocketAddr> {
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (u32::from(begin) * 61 + u32::from(step)) % u32::from(COUNT);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset as u16));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    None.context("no port is free")
}
