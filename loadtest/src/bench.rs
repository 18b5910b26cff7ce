//! What is measured: two floors, `dev`, and a cluster of three gateways and two workers with Redis,
//! each as processes of its own build profile, in the same run. Rounds are interleaved, so that what
//! disturbs the machine disturbs all.

mod floor;
mod process;
mod program;
mod target;
mod wire;

mod attach;
mod creation;
mod echo;
mod flood;
mod focus;
mod idle;
mod neighbours;
mod sessions;
mod snapshot;
mod stopped;

use anyhow::Result;
use clap::ValueEnum;
use hdrhistogram::Histogram;
use tokio::time::Instant;

use self::{program::Files, target::Target};
use crate::report::Row;

/// A group of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Keystrokes at 1, 50 and 200 sessions, and as many as go through
    Echo,
    /// Output as fast as it goes
    Flood,
    /// Quiet sessions beside one that floods
    Neighbours,
    /// From nothing to a prompt, and commands
    Creation,
    /// A client that comes late
    Attach,
    /// A focus change on its way to 1,000 sockets
    Focus,
    /// Memory of sockets
    Idle,
    /// Memory of sessions
    Sessions,
    /// What a new client is given to begin with
    Snapshot,
    /// A client that stops reading while its session prints, for a minute
    Stopped,
}

/// Measures everything, or only some of it.
pub(crate) async fn run(rounds: u32, only: &[Scenario]) -> Result<Vec<Row>> {
    let (begun, open_files) = (Instant::now(), process::raise_open_files()?);
    let mut rows = Vec::new();
    let say = |what: &str| eprintln!("{:>4} s  {what}", begun.elapsed().as_secs());
    let wanted = |scenario| only.is_empty() || only.contains(&scenario);
    // On fresh processes: memory that was used before would be used again.
    if wanted(Scenario::Idle) {
        say("memory of idle sockets");
        rows.extend(idle::measure(open_files).await?);
    }
    if wanted(Scenario::Sessions) {
        say("memory of sessions");
        rows.extend(sessions::measure().await?);
    }
    if wanted(Scenario::Stopped) {
        say("a client that stops reading, for a minute");
        rows.extend(stopped::measure().await?);
    }
    say("starting the floors, dev and a cluster");
    let files = Files::new()?;
    let mut targets = [
        Target::direct().await?,
        Target::hop().await?,
        Target::dev().await?,
        Target::cluster().await?,
    ];
    let mut fast = Vec::new();
    if wanted(Scenario::Creation) {
        say("creation and commands");
        fast.extend(creation::measure(&mut targets, rounds).await?);
    }
    if wanted(Scenario::Echo) {
        say("keystroke echo");
        fast.extend(echo::measure(&mut targets, rounds, say).await?);
    }
    if wanted(Scenario::Neighbours) {
        say("quiet neighbours of a flood");
        fast.extend(neighbours::measure(&mut targets, rounds, &files).await?);
    }
    if wanted(Scenario::Flood) {
        say("floods");
        fast.extend(flood::measure(&mut targets, rounds, &files).await?);
    }
    if wanted(Scenario::Attach) {
        say("attaching late");
        fast.extend(attach::measure(&mut targets, rounds, &files).await?);
    }
    if wanted(Scenario::Snapshot) {
        say("snapshots");
        fast.extend(snapshot::measure(&mut targets, rounds).await?);
    }
    if wanted(Scenario::Focus) {
        say("how a focus change spreads");
        for target in &targets {
            if let Some(cluster) = target.of_cluster() {
                fast.extend(focus::measure(cluster, rounds).await?);
            }
        }
    }
    for target in targets {
        target.end().await?;
    }
    say("done");
    fast.extend(rows);
    Ok(fast)
}

/// The order of the sides in a round: another one begins each time.
fn order(round: u32, sides: usize) -> impl Iterator<Item = usize> {
    (0..sides).map(move |side| (side + round as usize) % sides)
}

/// A quantile of times in nanoseconds, in so many of them.
fn quantile(nanos: &[u64], quantile: f64, unit: f64) -> Result<f64> {
    let mut histogram = Histogram::<u64>::new(3)?;
    for nanos in nanos {
        histogram.record(*nanos)?;
    }
    Ok(histogram.value_at_quantile(quantile) as f64 / unit)
}

const MICROS: f64 = 1e3;
const MILLIS: f64 = 1e6;
