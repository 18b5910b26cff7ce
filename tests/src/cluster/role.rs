//! A gateway or a worker as a process of its own, on ports that it comes back on.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tokio::process::Command;

use super::{Builder, Keys};
use crate::{
    dev::{binary, is_alive, ptyhost_of, signal},
    home::Home,
    ports,
    process::Process,
    wait::{until, within},
};

/// What roles are made from.
pub(super) struct Roles<'a> {
    pub(super) home: &'a Home,
    pub(super) redis: String,
    pub(super) keys: &'a Keys,
    pub(super) built: &'a Builder,
}

impl Roles<'_> {
    /// A worker that has not been started.
    pub(super) fn worker(&self, number: usize) -> Result<Role> {
        let role = self.role("worker", number)?;
        let config = format!(
            "[server]\nadmin_listen = \"{}\"\n{}[redis]\nurl = \"{}\"\n\
             [cluster]\nverify_key_file = {:?}\n\
             [worker]\nid = \"{}\"\nlisten = \"{}\"\nstate_dir = {:?}\n{}",
            role.admin,
            self.built.server_config,
            self.redis,
            self.keys.verify,
            role.name,
            role.address,
            role.folder,
            self.built.worker_config,
        );
        fs::write(&role.config, config)?;
        Ok(role)
    }

    /// A gateway that has not been started.
    pub(super) fn gateway(&self, number: usize) -> Result<Role> {
        let role = self.role("gateway", number)?;
        let (trust, workers) = self.pool(&role);
        let config = format!(
            "[server]\nlisten = [\"{}\"]\nadmin_listen = \"{}\"\nproxies = [\"127.0.0.1\"]\n\
             {}[redis]\nurl = \"{}\"\n[auth]\nsecret_file = {:?}\n\
             [cluster]\nsigning_key_file = {:?}\n{}{}[gateway]\nid = \"{}\"\n{}{}",
            role.address,
            role.admin,
            self.built.server_config,
            self.redis,
            self.keys.tokens,
            self.keys.signing,
            self.built.cluster_config,
            trust,
            role.name,
            self.built.gateway_config,
            workers,
        );
        fs::write(&role.config, config)?;
        Ok(role)
    }

    /// What a gateway that starts workers is told of them, in its section of the cluster and below.
    fn pool(&self, role: &Role) -> (String, String) {
        let Some(size) = self.built.process_pool else { return Default::default() };
        let trust = format!(
            "verify_key_file = {:?}\npool_driver = \"process\"\nbackend_pool_size = {size}\n",
            self.keys.verify
        );
        let folder = role.folder.join("pool");
        (trust, format!("[worker]\nstate_dir = {folder:?}\n{}", self.built.worker_config))
    }

    fn role(&self, command: &'static str, number: usize) -> Result<Role> {
        let name = format!("{command}-{number}");
        let folder = self.home.folder(&name)?;
        let other = self.built.binaries.iter().find(|(of, _)| *of == name);
        Ok(Role {
            binary: match other {
                Some((_, path)) => path.clone(),
                None => binary()?.to_owned(),
            },
            config: folder.join("termfleet.toml"),
            address: ports::free()?,
            admin: ports::free()?,
            home: self.home.path().to_owned(),
            process: None,
            command,
            name,
            folder,
        })
    }
}

/// A gateway or a worker that runs, or ran.
pub struct Role {
    command: &'static str,
    name: String,
    binary: PathBuf,
    folder: PathBuf,
    config: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
    home: PathBuf,
    process: Option<Process>,
}

impl Role {
    /// What it is called, in `welcome`, records and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where clients, or for a worker gateways, reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin port listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its state directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::pid)
    }

    /// The process id of a ptyhost of its own: it outlives its worker.
    #[must_use]
    pub fn ptyhost(&self) -> Option<u32> {
        ptyhost_of(&self.folder)
    }

    /// Runs?
    #[must_use]
    pub fn runs(&self) -> bool {
        self.pid().is_some()
    }

    /// Takes another build from the next start on.
    pub fn use_binary(&mut self, path: impl Into<PathBuf>) {
        self.binary = path.into();
    }

    /// Starts it (again) and waits until it is ready. A worker finds its ptyhost, or starts one.
    ///
    /// # Errors
    /// If it does not become ready; with what it logged.
    pub async fn start(&mut self) -> Result<()> {
        let mut command = self.termfleet();
        command.args([self.command, "--json", "--config"]).arg(&self.config);
        let process = Process::announced(&self.name, command, &self.log())?;
        let ready: Value = self.process.insert(process).ready().await?;
        ensure!(ready["event"] == "ready", "{} said {ready}", self.name);
        Ok(())
    }

    /// Runs it to its end, which it finds by itself.
    pub(super) async fn attempt(&self) -> Result<Output> {
        let mut command = self.termfleet();
        command.args([self.command, "--json", "--config"]).arg(&self.config);
        command.stdin(Stdio::null()).kill_on_drop(true);
        within(&format!("{} gives up", self.name), async { Ok(command.output().await?) }).await
    }

    fn termfleet(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(&self.folder)
            .env("HOME", &self.home)
            .env("SHELL", "/bin/bash")
            .env("TERMFLEET_LOG", "info");
        command
    }

    fn running(&mut self) -> Result<Process> {
        self.process.take().with_context(|| format!("{} is running", self.name))
    }

    /// Kills it without warning; a worker's ptyhost lives on.
    ///
    /// # Errors
    /// If it was not running.
    pub async fn kill(&mut self) -> Result<()> {
        self.running()?.kill().await
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// If it does not end well.
    pub async fn stop(&mut self) -> Result<()> {
        let status = self.running()?.stop(Signal::TERM).await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Asks it to end, and does not wait; [`Self::stopped`] does.
    ///
    /// # Errors
    /// If it is not running.
    pub fn begin_stop(&self) -> Result<()> {
        self.process.as_ref().context("it is running")?.signal(Signal::TERM)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If it does not end well.
    pub async fn stopped(&mut self) -> Result<()> {
        let status = self.running()?.ended().await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Takes its time away.
    ///
    /// # Errors
    /// If it is not running.
    pub fn pause(&self) -> Result<()> {
        self.process.as_ref().context("it is running")?.signal(Signal::STOP)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// If it is not running.
    pub fn go_on(&self) -> Result<()> {
        self.process.as_ref().context("it is running")?.signal(Signal::CONT)
    }

    /// Ends a worker's ptyhost, and with it all its shells.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn end_ptyhost(&self) -> Result<()> {
        let Some(pid) = self.ptyhost() else { return Ok(()) };
        signal(pid, Signal::TERM)?;
        until("the ptyhost ends", || async { (!is_alive(pid)).then_some(()) }).await
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Everything that it and its ptyhost logged.
    #[must_use]
    pub fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }
}
