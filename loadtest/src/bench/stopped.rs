//! A session that prints without pause while its only client, who read so far, has stopped reading: what
//! that costs its servers after a minute more than after five seconds. Nothing may pile up anywhere.
//! The program waits for its driver for 10 s, then it runs on as if nobody looked.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep_until, timeout};

use super::{process, target::Target};
use crate::report::{Goal, Row, Side};

const PROGRAM: &[u8] = b"yes 'a line of some length, as programs print them'\n";
/// What is read before: the session's ring and history are full then, as they will be again.
const WARM_BYTES: u64 = 32 << 20;
/// All windows on the way are full, and whatever was allocated for them is.
const EARLY: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(60);
/// How long a new client may take to be told how much was printed.
const ANSWER: Duration = Duration::from_secs(10);

const MIB: f64 = (1 << 20) as f64;

/// What became of one of them.
struct Outcome {
    side: Side,
    /// In the order of the rows: who sockets come to, who has the sessions, who has the terminals.
    grown: Vec<f64>,
    /// MiB of the program's.
    printed: f64,
}

pub(super) async fn measure() -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = [
        ("stopped_edge", "gateways, or dev"),
        ("stopped_worker", "workers"),
        ("stopped_ptyhost", "ptyhosts"),
    ]
    .map(|(key, who)| {
        let name = format!("memory beside a client that stopped reading, 5 s to 60 s, {who}");
        Row::new(key, name, "MiB").goal(Goal::AtMost(1.0))
    })
    .into();
    let mut printed = Row::new("stopped_printed", "printed meanwhile", "MiB");
    // Both wait most of the time: they do so at once.
    let (dev, cluster) =
        tokio::try_join!(one(Target::dev().await?), one(Target::cluster().await?))?;
    for outcome in [dev, cluster] {
        for (row, grown) in rows.iter_mut().zip(outcome.grown) {
            if !grown.is_nan() {
                row.add(outcome.side, grown);
            }
        }
        printed.add(outcome.side, outcome.printed);
    }
    rows.push(printed);
    Ok(rows)
}

async fn one(mut target: Target) -> Result<Outcome> {
    let mut stopped = target.idle(0).await?;
    let session = target.seat(&mut stopped).await?;
    stopped.type_bytes(0, PROGRAM).await?;
    stopped.printed_to(0, WARM_BYTES).await?;
    // From here on nobody takes anything from this socket.
    let (begun, read) = (Instant::now(), stopped.came(0));
    sleep_until(begun + EARLY).await;
    let early = resident(&target)?;
    sleep_until(begun + LATE).await;
    let late = resident(&target)?;
    let grown = early.iter().zip(&late).map(|(early, late)| (late - early) / MIB).collect();

    let mut asking = target.idle(1).await?;
    let attached = timeout(ANSWER, asking.attach(&session)).await??;
    let head = attached["head"].as_u64().context("a head")?;
    let printed = head.saturating_sub(read) as f64 / MIB;
    let side = target.side();
    drop((stopped, asking));
    target.end().await?;
    Ok(Outcome { side, grown, printed })
}

/// Bytes of each role; of one that is no process of its own, not a number.
fn resident(target: &Target) -> Result<Vec<f64>> {
    let of = |pids: Vec<u32>| -> Result<f64> {
        if pids.is_empty() { Ok(f64::NAN) } else { Ok(process::resident(&pids)? as f64) }
    };
    target.roles()?.into_iter().map(of).collect()
}
