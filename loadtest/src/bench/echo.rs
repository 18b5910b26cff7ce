//! Keystroke to echo: one key through `cat` in raw mode, there and back.

use anyhow::Result;
use hdrhistogram::Histogram;
use termfleet_tests::client::{Incoming, Terminal};
use tokio::time::Instant;

use super::target::Target;
use crate::report::Figure;

/// Keys of one round: enough for a p99 of ten samples.
const KEYS: usize = 1_000;

pub(super) async fn measure(target: &Target, rounds: u32) -> Result<Vec<Figure>> {
    let mut terminal = target.terminal(0).await?;
    terminal.type_text("stty raw; exec cat\n").await?;
    terminal.read_written().await?;
    // The first keys find out when cat runs; they are not counted.
    round(&mut terminal).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let histogram = round(&mut terminal).await?;
        p50.push(histogram.value_at_quantile(0.50) as f64 / 1e3);
        p99.push(histogram.value_at_quantile(0.99) as f64 / 1e3);
    }
    Ok(vec![
        Figure::new(format!("keystroke echo, {}, p50", target.name()), "µs", p50),
        Figure::new(format!("keystroke echo, {}, p99", target.name()), "µs", p99),
    ])
}

async fn round(terminal: &mut Terminal) -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    for _ in 0..KEYS {
        let before = terminal.memory.offset;
        let pressed = Instant::now();
        terminal.type_text("k").await?;
        while terminal.memory.offset == before {
            if let Incoming::Closed(code, reason) = terminal.step().await? {
                anyhow::bail!("closed with {code} {reason}");
            }
        }
        histogram.record(u64::try_from(pressed.elapsed().as_nanos())?)?;
    }
    Ok(histogram)
}
