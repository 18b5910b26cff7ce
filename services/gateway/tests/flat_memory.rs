//! A million pings from a client that never reads cost no memory. A process of its own, since it
//! is the process's memory that is measured.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

// The example's command line is not used here.
#[allow(dead_code)]
#[path = "../examples/echo.rs"]
mod echo;

// Of the raw client only a few parts are used here.
#[allow(dead_code)]
#[path = "ws/raw.rs"]
mod raw;

use termfleet_gateway::ws::Limits;

const PINGS: usize = 1_000_000;
/// Far below the 125 MB of payload that unbounded pongs would hold, far above what buffers take.
const ALLOWED_KIB: u64 = 8 << 10;

/// The process's own resident memory in KiB; pages of its binary come and go and are not counted.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_million_pings_from_a_client_that_never_reads_are_flat_memory() {
    let mut client = raw::Raw::connect(Limits::default()).await;
    let burst = raw::frame(raw::PING, &[b'p'; 125]).repeat(1000);
    client.send(&burst).await;
    let before = resident();
    let mut peak = before;
    for _ in 1..PINGS / 1000 {
        client.send(&burst).await;
        peak = peak.max(resident());
    }
    assert!(peak - before < ALLOWED_KIB, "{} KiB more than the {before} before", peak - before);
    // All of them were read, and the server is still there: the last ping has its pong.
    client.send(&raw::frame(raw::PING, b"last")).await;
    while client.frame().await != (raw::PONG, b"last".to_vec()) {}
}
