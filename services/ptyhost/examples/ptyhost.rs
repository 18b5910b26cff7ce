//! The ptyhost alone, as a process: `ptyhost SOCKET [RING_BYTES [ORPHAN_AFTER_MS]]`. What the tests
//! start; the product starts the same body as `termfleet ptyhost`.

use std::time::Duration;

use anyhow::Context;
use termfleet_ptyhost::{HostConfig, serve};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut config = HostConfig::new(arguments.next().context("which socket?")?);
    if let Some(bytes) = arguments.next() {
        config.ring_bytes = bytes.parse()?;
    }
    if let Some(ms) = arguments.next() {
        config.orphan_after = Duration::from_millis(ms.parse()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(serve(config))?)
}
