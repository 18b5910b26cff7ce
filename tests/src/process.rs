//! One process that a test starts: its log, its line of readiness, its signals and its end.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{home::signal, wait::within};

/// A process that runs, or ran. It is killed when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    log_from: usize,
}

impl Process {
    /// Starts it. Everything that it writes is added to the log.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::spawn(name, command, log, false)
    }

    /// Starts one of ours, whose stdout is for [`Self::ready`].
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn announced(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::spawn(name, command, log, true)
    }

    fn spawn(name: &str, mut command: Command, log: &Path, announced: bool) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        let log_from = usize::try_from(file.metadata()?.len())?;
        let stdout = if announced { Stdio::piped() } else { file.try_clone()?.into() };
        command.stdin(Stdio::null()).stdout(stdout).stderr(file).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), log_from })
    }

    /// Waits for its first line, which is JSON.
    ///
    /// # Errors
    /// If it prints something else or nothing in time; with what it logged.
    pub async fn ready<T: DeserializeOwned>(&mut self) -> Result<T> {
        let name = &self.name;
        let output =
            self.child.stdout.take().context("its stdout is its log, or was read before")?;
        let mut line = String::new();
        let mut lines = BufReader::new(output);
        let read = async { Ok(lines.read_line(&mut line).await?) };
        let read = within(&format!("{name} becomes ready"), read).await;
        read.with_context(|| self.logged())?;
        serde_json::from_str(&line).with_context(|| {
            format!("{name} printed no ready line but {line:?}; log: {}", self.logged())
        })
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, which: Signal) -> Result<()> {
        signal(self.pid().with_context(|| format!("{} has ended", self.name))?, which)
    }

    /// Kills it without warning.
    ///
    /// # Errors
    /// If it has ended already.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// If it takes too long; with what it logged.
    pub async fn stop(mut self, which: Signal) -> Result<ExitStatus> {
        self.signal(which)?;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// If it does not; with what it logged.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = async { Ok(self.child.wait().await?) };
        let ended = within(&format!("{} ends", self.name), ended).await;
        ended.with_context(|| self.logged())
    }

    /// What it logged since it was started.
    #[must_use]
    pub fn logged(&self) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(all.get(self.log_from..).unwrap_or_default()).into_owned()
    }
}
