//! Keys and certificates, made by the openssl command as an operator makes them.

use std::{ffi::OsStr, path::Path};

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

/// Makes a key and a certificate for `localhost` that vouches for itself.
///
/// # Errors
/// As [`openssl`].
pub async fn self_signed(key: &Path, certificate: &Path) -> Result<()> {
    openssl(&[
        &"req",
        &"-x509",
        &"-newkey",
        &"ec",
        &"-pkeyopt",
        &"ec_paramgen_curve:P-256",
        &"-nodes",
        &"-days",
        &"1",
        &"-subj",
        &"/CN=localhost",
        &"-addext",
        &"basicConstraints=critical,CA:FALSE",
        &"-addext",
        &"subjectAltName=DNS:localhost,IP:127.0.0.1",
        &"-keyout",
        &key,
        &"-out",
        &certificate,
    ])
    .await
}
