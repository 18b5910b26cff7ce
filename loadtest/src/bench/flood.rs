//! How much output passes: plain lines from one session to one client that reads as fast as it can.

use anyhow::Result;
use tokio::time::Instant;

use super::target::Target;
use crate::report::Figure;

/// Bytes of one round.
const BYTES: u64 = 64 << 20;

pub(super) async fn measure(target: &Target, rounds: u32) -> Result<Vec<Figure>> {
    let mut terminal = target.terminal(1).await?;
    let mut speeds = Vec::new();
    for _ in 0..rounds {
        // What the last round ended with must not end this one.
        terminal.memory.output.clear();
        // 63 characters and a line feed, which the terminal makes 65 bytes.
        let line = "x".repeat(63);
        terminal.type_text(&format!("yes {line} | head -c {BYTES}; echo E''ND\n")).await?;
        let (from, begun) = (terminal.memory.offset, Instant::now());
        loop {
            terminal.step().await?;
            let seen = &mut terminal.memory.output;
            if seen.windows(5).rev().take(64).any(|window| window == b"END\r\n") {
                break;
            }
            // The journal is not what is measured: keep its end, in case END is split.
            let keep = seen.len().saturating_sub(64);
            seen.drain(..keep);
        }
        let bytes = terminal.memory.offset - from;
        speeds.push(bytes as f64 / 1e6 / begun.elapsed().as_secs_f64());
    }
    Ok(vec![Figure::new(format!("flood, {}, plain lines", target.name()), "MB/s", speeds)])
}
