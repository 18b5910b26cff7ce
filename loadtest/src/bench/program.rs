//! What runs in the terminals: a shell is told by its first line, and takes the terminal raw, so that
//! what comes out is what the program wrote.

use std::{fs, path::PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::{target::Target, wire::Wire};

/// Bytes of one file: a flood is several of it.
pub(super) const FILE_BYTES: u64 = 8 << 20;
pub(super) const READY: &str = "ready";
/// Takes the terminal and says so; the quotes keep the echo of the line itself from saying it.
const RAW: &str = "stty raw -echo; echo rea''dy;";

/// Echoes what is typed.
pub(super) fn cat() -> String {
    format!("{RAW} exec cat\n")
}

/// Prints a file as often as a typed line says (`PATH TIMES`), or until it is stopped.
pub(super) fn printer(files: &Files) -> String {
    format!(
        "{RAW} while read -r file n; do \
         while [ $n -gt 0 -a ! -e {} ]; do cat $file; n=$((n-1)); done; done\n",
        files.stop().display()
    )
}

/// Starts a program in every terminal of a socket, and waits for all of them.
pub(super) async fn start(wire: &mut Wire, program: &str) -> Result<()> {
    for seat in 0..wire.seats() {
        wire.type_bytes(seat, program.as_bytes()).await?;
        wire.read_word(seat, READY).await?;
    }
    Ok(())
}

/// So many sockets with a terminal each, in which this program runs.
pub(super) async fn sockets(target: &mut Target, count: usize, program: &str) -> Result<Vec<Wire>> {
    let mut wires = Vec::with_capacity(count);
    for _ in 0..count {
        let mut wire = target.open().await?;
        wire.type_bytes(0, program.as_bytes()).await?;
        wires.push(wire);
    }
    for wire in &mut wires {
        wire.read_word(0, READY).await?;
    }
    Ok(wires)
}

/// What is printed, in files that are gone afterwards.
pub(super) struct Files {
    folder: TempDir,
}

impl Files {
    pub(super) fn new() -> Result<Self> {
        let files = Self { folder: tempfile::Builder::new().prefix("tf-bench-").tempdir()? };
        // 62 characters and the end of a line, as a terminal's output processing makes it.
        let plain = format!("{}\r\n", "x".repeat(62));
        // As a build log: a colour a word.
        let coloured =
            "\x1b[1;32m   Compiling\x1b[0m termfleet \x1b[38;5;244mv0.1.0\x1b[0m (ok)\r\n";
        fs::write(files.plain(), fill(&plain))?;
        fs::write(files.coloured(), fill(coloured))?;
        Ok(files)
    }

    pub(super) fn plain(&self) -> PathBuf {
        self.folder.path().join("plain")
    }

    /// As long as this is there, no printer goes on.
    pub(super) fn stop(&self) -> PathBuf {
        self.folder.path().join("stop")
    }

    pub(super) fn coloured(&self) -> PathBuf {
        self.folder.path().join("coloured")
    }
}

fn fill(line: &str) -> Vec<u8> {
    line.bytes().cycle().take(FILE_BYTES as usize).collect()
}
