//! The shell of a floor, and its conversation with a socket in the same process.

use std::path::Path;

use anyhow::Result;
use pty_process::{OwnedReadPty, OwnedWritePty};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
};

use crate::socket::Socket;

/// What one read may give: as much as the product gathers.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// A shell on a terminal; killed when it is dropped.
pub(crate) struct Shell {
    pub(crate) output: OwnedReadPty,
    pub(crate) input: OwnedWritePty,
    pub(crate) child: Child,
}

impl Shell {
    /// Starts one, as the product starts its own.
    pub(crate) fn start() -> Result<Self> {
        let (pty, pts) = pty_process::open()?;
        pty.resize(pty_process::Size::new(24, 80))?;
        let child = pty_process::Command::new("/bin/bash")
            .env_clear()
            .env("TERM", "xterm-256color")
            .env("HOME", std::env::var_os("HOME").unwrap_or_else(|| Path::new("/").into()))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .kill_on_drop(true)
            .spawn(pts)?;
        let (output, input) = pty.into_split();
        Ok(Self { output, input, child })
    }
}

/// Serves a socket with a shell of its own until either ends.
pub(crate) async fn converse(socket: Socket) -> Result<()> {
    let Socket { mut incoming, mut outgoing } = socket;
    let Shell { mut output, mut input, child: _child } = Shell::start()?;
    let typing = async {
        while let Some(bytes) = incoming.next().await? {
            input.write_all(&bytes).await?;
        }
        Ok(())
    };
    let printing = async {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = output.read(&mut buffer).await?;
            outgoing.send(&buffer[..read]).await?;
        }
    };
    tokio::select! {
        typed = typing => typed,
        printed = printing => printed,
    }
}
