//! Free ports for processes that must be told theirs, because others are told it too, or because
//! they are to come back on it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Result, bail};

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
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, free_range(1)?)))
}

/// The first of so many ports in a row that nobody listens on.
///
/// # Errors
/// If there are none.
pub fn free_range(length: u16) -> Result<u16> {
    let begin = std::process::id() * 61;
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(length, Ordering::Relaxed));
        let offset = (begin.wrapping_add(step) % u32::from(COUNT - length)) as u16;
        let first = FIRST + offset;
        let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if (first..first + length).all(is_free) {
            return Ok(first);
        }
    }
    bail!("no {length} ports in a row are free")
}
