//! `termfleet keys`: what the processes of a new cluster know each other by. It never replaces a
//! file that exists: whoever runs it twice has the same cluster.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, Result};
use termfleet_token::{PrivateKey, SigningKey};

use crate::cli;

/// The private half of the pair, for gateways.
const PRIVATE: &str = "cluster.key";
/// Its public half, for workers.
const PUBLIC: &str = "cluster.pub";
/// What tokens are signed with (HS256), where no provider does that.
const TOKENS: &str = "tokens.key";

pub(crate) fn run(options: &cli::Keys) -> Result<()> {
    let dir = &options.dir;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make {}", dir.display()))?;
    let pair = match std::fs::read_to_string(dir.join(PRIVATE)) {
        Ok(text) => PrivateKey::from_pem(&text)
            .with_context(|| format!("{} is there and no key", dir.join(PRIVATE).display()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let pair = PrivateKey::generate()?;
            write(&dir.join(PRIVATE), 0o600, &pair.to_pem())?;
            pair
        }
        Err(error) => return Err(error).context("cannot read the key that is there"),
    };
    // The public half may be lost: it is made of the private one.
    write(&dir.join(PUBLIC), 0o644, &pair.public().to_pem())?;
    write(&dir.join(TOKENS), 0o600, &format!("{}\n", SigningKey::generate()?.to_base64()))?;
    Ok(())
}

/// Writes a file unless it exists, and says which it was.
fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let shown = path.display();
    match file {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            println!("{shown}: made");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            println!("{shown}: was there, and stays");
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write {shown}")),
    }
}
