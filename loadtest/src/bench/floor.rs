//! The floors as processes: bare programs beside this one, built with it.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::Deserialize;
use termfleet_tests::{home::Home, process::Process};
use tokio::process::Command;

#[derive(Deserialize)]
struct Ready {
    address: SocketAddr,
}

/// A running floor.
pub(super) struct Floor {
    address: SocketAddr,
    /// The one that sockets come to is the last.
    processes: Vec<Process>,
    // Last, as it clears up behind the others.
    _home: Home,
}

impl Floor {
    /// One process.
    pub(super) async fn direct() -> Result<Self> {
        let home = Home::new()?;
        let (process, address) = start(&home, "direct", None).await?;
        Ok(Self { address, processes: vec![process], _home: home })
    }

    /// Two, with gRPC between them.
    pub(super) async fn hop() -> Result<Self> {
        let home = Home::new()?;
        let (worker, behind) = start(&home, "worker", None).await?;
        let (edge, address) = start(&home, "edge", Some(behind)).await?;
        Ok(Self { address, processes: vec![worker, edge], _home: home })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its processes; the one that sockets come to is the last.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.processes.iter().filter_map(Process::pid).collect()
    }

    pub(super) async fn end(self) -> Result<()> {
        for process in self.processes {
            process.stop(Signal::TERM).await?;
        }
        Ok(())
    }
}

async fn start(
    home: &Home,
    role: &str,
    worker: Option<SocketAddr>,
) -> Result<(Process, SocketAddr)> {
    let program = std::env::current_exe()?.with_file_name("termfleet-floor");
    let mut command = Command::new(&program);
    command.arg(role).env("HOME", home.path()).current_dir(home.path());
    if let Some(worker) = worker {
        command.arg("--worker").arg(worker.to_string());
    }
    let log = home.path().join(format!("{role}.log"));
    let mut process = Process::announced(role, command, &log)
        .with_context(|| format!("{} is built with this program", program.display()))?;
    let Ready { address } = process.ready().await?;
    Ok((process, address))
}
