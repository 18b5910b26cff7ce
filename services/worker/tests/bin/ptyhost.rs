//! The ptyhost alone, as a process: `ptyhost SOCKET`. What the worker's tests start; the product
//! starts the same body as `termfleet ptyhost`.

use std::error::Error;

use termfleet_ptyhost::{HostConfig, serve};

fn main() -> Result<(), Box<dyn Error>> {
    let socket = std::env::args().nth(1).ok_or("which socket?")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(serve(HostConfig::new(socket)))?)
}
