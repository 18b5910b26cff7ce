//! Redis as `deploy/redis` configures it.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::process::Command;

use crate::{
    home::Home,
    ports,
    process::Process,
    wait::{until, within},
};

/// What an operator starts it with.
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/redis/redis.conf");

/// A Redis that runs, or ran.
pub struct Redis {
    address: SocketAddr,
    folder: PathBuf,
    options: Vec<String>,
    process: Option<Process>,
}

impl Redis {
    /// Starts one below that home, on a free port, with more options (`--name`, `value`), and waits
    /// until it answers.
    ///
    /// # Errors
    /// If it does not; with what it logged.
    pub async fn start(home: &Home, options: &[&str]) -> Result<Self> {
        let address = ports::free()?;
        let folder = home.folder(&format!("redis-{}", address.port()))?;
        let options = options.iter().map(ToString::to_string).collect();
        let mut redis = Self { address, folder, options, process: None };
        redis.start_again().await?;
        Ok(redis)
    }

    /// Its URL, for whoever needs no password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it (again) with what it had written.
    ///
    /// # Errors
    /// If it does not answer; with what it logged.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command
            .arg(CONFIGURATION)
            .args(["--bind", "127.0.0.1", "--port", &self.address.port().to_string(), "--dir"])
            .arg(&self.folder)
            .args(&self.options)
            .current_dir(&self.folder);
        self.process = Some(Process::start("redis", command, &self.folder.join("log"))?);
        let port = self.address.port().to_string();
        until("redis answers", || async {
            let mut ping = Command::new("redis-cli");
            ping.args(["-p", &port, "ping"]).kill_on_drop(true);
            let answer = ping.output().await.ok()?;
            let said = String::from_utf8_lossy(&answer.stdout).into_owned();
            (said.contains("PONG") || said.contains("NOAUTH")).then_some(())
        })
        .await
        .with_context(|| self.logged())
    }

    /// Runs a command on it.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.address.port().to_string()]).args(words).kill_on_drop(true);
        let output = within("redis-cli", async { Ok(command.output().await?) }).await?;
        ensure!(output.status.success(), "redis-cli: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Kills it without warning.
    ///
    /// # Errors
    /// If it was not running.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.take().context("redis is running")?.kill().await
    }

    /// Asks it to end, if it runs.
    ///
    /// # Errors
    /// If it does not.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.stop(Signal::TERM).await?;
        }
        Ok(())
    }

    /// Stops answering, without closing a connection.
    ///
    /// # Errors
    /// If it is not running.
    pub fn pause(&self) -> Result<()> {
        self.process.as_ref().context("redis is running")?.signal(Signal::STOP)
    }

    /// Answers again.
    ///
    /// # Errors
    /// If it is not running.
    pub fn go_on(&self) -> Result<()> {
        self.process.as_ref().context("redis is running")?.signal(Signal::CONT)
    }

    /// Throws away what a Redis that does not run had written.
    ///
    /// # Errors
    /// If it cannot.
    pub fn forget(&self) -> Result<()> {
        ensure!(self.process.is_none(), "redis is running");
        Ok(std::fs::remove_dir_all(self.folder.join("appendonlydir"))?)
    }

    /// What it logged.
    #[must_use]
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}
