//! The ptyhost of a state directory: found alive after a crash, else started.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use termfleet_ptyhost::client::{ConnectError, Connected, connect};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use crate::state::StateDir;

/// How long a new ptyhost may take until it listens: it takes milliseconds, on a busy machine more.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// How often its socket is tried.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// How a ptyhost is started, if none is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holding {
    /// How much output of each session it keeps.
    pub(crate) ring_bytes: usize,
    /// How long shells live on without a worker.
    pub(crate) orphan_after: Duration,
}

/// Connects to the ptyhost of this directory.
pub(crate) async fn hold(
    state: &StateDir,
    holding: Holding,
    tracker: &TaskTracker,
) -> Result<Connected> {
    let socket = state.ptyhost_socket();
    match connect(&socket, tracker).await {
        Ok(connected) => return Ok(connected),
        Err(ConnectError::Io(error)) if is_nobody(&error) => {}
        Err(error) => {
            return Err(error).with_context(|| {
                format!(
                    "the process that holds the shells of {} does not understand this version; end \
                     it, or choose another directory with --state-dir",
                    state.path().display()
                )
            });
        }
    }
    let mut child = start(state, holding, &socket)?;
    let begun = Instant::now();
    loop {
        match connect(&socket, tracker).await {
            Ok(connected) => return Ok(connected),
            Err(error) if begun.elapsed() > START_DEADLINE => {
                return Err(error).context("the ptyhost does not answer");
            }
            Err(_) => sleep(TRY_AGAIN).await,
        }
        if let Some(status) = child.try_wait()? {
            bail!("the ptyhost ended with {status}; its log is {}", state.ptyhost_log().display());
        }
    }
}

/// A socket that nobody serves: none there, or one that a dead process left.
fn is_nobody(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Starts it in a process group of its own, so that Ctrl-C reaches us and not the shells' holder.
fn start(state: &StateDir, holding: Holding, socket: &Path) -> Result<Child> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    Command::new(program)
        .arg("ptyhost")
        .arg("--socket")
        .arg(socket)
        .arg("--orphan-after")
        .arg(holding.orphan_after.as_secs().to_string())
        .arg("--ring-bytes")
        .arg(holding.ring_bytes.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log(state)?)
        .process_group(0)
        .spawn()
        .context("cannot start the ptyhost")
}

fn log(state: &StateDir) -> Result<File> {
    let path = state.ptyhost_log();
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))
}
