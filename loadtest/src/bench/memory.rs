//! What an idle socket and an idle session cost in resident memory, apart from the shell itself.

use anyhow::{Context, Result};
use termfleet_tests::{
    client::Socket,
    dev::{Dev, ptyhost_of},
};

use super::target::Target;
use crate::report::Figure;

/// Sockets that are opened: enough for the allocator's steps not to matter.
const SOCKETS: usize = 1_000;
/// Sessions that are opened; each is a shell, so that fewer must do.
const SESSIONS: usize = 100;

pub(super) async fn measure() -> Result<Vec<Figure>> {
    Ok(vec![sockets().await?, sessions().await?])
}

async fn sockets() -> Result<Figure> {
    let dev = Dev::open().await?;
    let pid = dev.pid().context("dev runs")?;
    // The first ones warm the allocator up.
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(Socket::canonical(dev.address(), None).await?);
    }
    let before = super::resident(pid)?;
    for _ in 0..SOCKETS {
        open.push(Socket::canonical(dev.address(), None).await?);
    }
    let each = super::resident(pid)?.saturating_sub(before) as f64 / SOCKETS as f64;
    Ok(Figure::new("memory of an idle socket (dev)", "KiB", vec![each / 1024.0]))
}

async fn sessions() -> Result<Figure> {
    let target = Target::dev().await?;
    let Target::Dev(dev) = &target else { anyhow::bail!("this is about dev") };
    let ours = || -> Result<u64> {
        let ptyhost = ptyhost_of(dev.state()).context("a ptyhost runs")?;
        Ok(super::resident(dev.pid().context("dev runs")?)? + super::resident(ptyhost)?)
    };
    for number in 0..10 {
        target.create(number).await?;
    }
    let before = ours()?;
    for number in 10..10 + SESSIONS {
        target.create(number).await?;
    }
    let each = ours()?.saturating_sub(before) as f64 / SESSIONS as f64;
    Ok(Figure::new("memory of an idle session (dev and ptyhost)", "KiB", vec![each / 1024.0]))
}
