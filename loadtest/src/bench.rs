//! What is measured: `dev`, and a cluster of three gateways behind nginx with two workers and Redis,
//! each as processes of its own build profile, side by side.

mod echo;
mod flood;
mod focus;
mod memory;
mod target;

use anyhow::{Context, Result};

use self::target::Target;
use crate::report::Figure;

/// Measures everything.
pub(crate) async fn run(rounds: u32) -> Result<Vec<Figure>> {
    // One after the other: what is idle takes time too.
    let mut figures = all_of(Target::dev().await?, rounds).await?;
    figures.extend(all_of(Target::cluster().await?, rounds).await?);
    eprintln!("measuring memory");
    figures.extend(memory::measure().await?);
    Ok(figures)
}

async fn all_of(target: Target, rounds: u32) -> Result<Vec<Figure>> {
    eprintln!("measuring keystroke echo ({})", target.name());
    let mut figures = echo::measure(&target, rounds).await?;
    eprintln!("measuring floods ({})", target.name());
    figures.extend(flood::measure(&target, rounds).await?);
    if let Some(cluster) = target.of_cluster() {
        eprintln!("measuring how a focus change spreads");
        figures.extend(focus::measure(cluster, rounds).await?);
    }
    target.end().await?;
    Ok(figures)
}

/// The resident memory of a process, in bytes.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib * 1024)
}
