//! The ptyhost alone, as a process: `ptyhost-for-tests SOCKET [RING_BYTES [ORPHAN_AFTER_MS]]`. What the tests
//! start; the product starts the same body as `termfleet ptyhost`.

use std::{error::Error, process::ExitCode, time::Duration};

use termfleet_ptyhost::{HostConfig, serve};

fn main() -> ExitCode {
    let Err(e) = run() else { return ExitCode::SUCCESS };
    eprintln!("{e}");
    ExitCode::FAILURE
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = HostConfig::new(arguments.next().ok_or("which socket?")?);
    if let Some(bytes) = arguments.next() {
        config.ring_bytes = bytes.parse()?;
    }
    if let Some(ms) = arguments.next() {
        config.orphan_after = Duration::from_millis(ms.parse()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(serve(config))?)
}
