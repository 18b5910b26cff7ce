//! `termfleet ptyhost`: the process that alone touches PTYs.

use std::time::Duration;

use anyhow::{Context, Result};
use termfleet_ptyhost::{HostConfig, serve};
use termfleet_runtime::logs;

use crate::cli;

pub(crate) fn run(options: cli::Ptyhost) -> Result<()> {
    logs::init(Some(&options.log), logs::Format::Auto).map_err(cli::wrong_log)?;
    let mut config = HostConfig::new(options.socket);
    config.ring_bytes = options.ring_bytes;
    config.orphan_after = Duration::from_secs(options.orphan_after);
    // It waits for its children and counts on being the only one to: one thread, one runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(config)).context("the ptyhost cannot serve its socket")
}
