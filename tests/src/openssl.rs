//! Keys and certificates, made by the openssl command as an operator makes them.

use std::ffi::OsStr;

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::wait::within;

/// Runs openssl with these words.
///
/// # Errors
/// If it says that it failed.
pub async fn openssl(words: &[&(dyn AsRef<OsStr> + Sync)]) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(words).kill_on_drop(true);
    let done = within("openssl", async { Ok(command.output().await?) }).await?;
    ensure!(done.status.success(), "openssl: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
