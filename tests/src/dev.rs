//! `termfleet dev` as a process: started on free ports and a state directory of its own, killed,
//! started again, and never left behind.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::{io::AsyncReadExt, process::Command};

use crate::{home::Home, process::Process, wait::within};

pub use crate::home::{is_alive, signal};

/// The line that `dev --json` prints when it is ready.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// Always `ready`.
    pub event: String,
    /// The page, with the token in its fragment.
    pub url: String,
    /// The admin port's URL.
    pub admin: String,
    /// A token, unless `--no-auth`.
    pub token: Option<String>,
    /// The default project.
    pub project: String,
}

/// How to start it.
#[derive(Debug, Clone)]
pub struct Builder {
    arguments: Vec<String>,
    listen: Vec<String>,
    state: Option<PathBuf>,
    directory: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            arguments: Vec::new(),
            listen: vec!["127.0.0.1:0".into()],
            state: None,
            directory: None,
        }
    }
}

impl Builder {
    /// With another argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// On these addresses instead of a free port.
    #[must_use]
    pub fn listen(mut self, addresses: &[&str]) -> Self {
        self.listen = addresses.iter().map(ToString::to_string).collect();
        self
    }

    /// On a state directory that somebody else owns.
    #[must_use]
    pub fn state(mut self, state: impl Into<PathBuf>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Started in this directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become ready; with what it logged.
    pub async fn start(self) -> Result<Dev> {
        let home = Home::new()?;
        let state = self.state.clone().unwrap_or_else(|| home.path().join("s"));
        let work = self.directory.clone().unwrap_or_else(|| home.path().join("w"));
        std::fs::create_dir_all(&work)?;
        let mut dev = Dev { builder: self, home, state, work, process: None, ready: None };
        dev.start_again().await?;
        Ok(dev)
    }
}

/// A running `dev`.
pub struct Dev {
    builder: Builder,
    state: PathBuf,
    work: PathBuf,
    process: Option<Process>,
    ready: Option<Ready>,
    // Last, as it clears up behind the others.
    home: Home,
}

impl Dev {
    /// With authentication, on a free port.
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn start() -> Result<Self> {
        Builder::default().start().await
    }

    /// Without authentication, on a free port.
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn open() -> Result<Self> {
        Builder::default().arg("--no-auth").start().await
    }

    /// What it printed when it was ready.
    ///
    /// # Panics
    /// If it is not running.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        self.ready.as_ref().expect("dev is running")
    }

    /// Where it listens.
    ///
    /// # Panics
    /// If the URL it printed has no address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        address_of(&self.ready().url)
    }

    /// Where its admin port listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        address_of(&self.ready().admin)
    }

    /// The token it printed.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.ready().token.as_deref()
    }

    /// The directory it was started in.
    #[must_use]
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Its state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The directory that everything of it is below, for what stands beside it.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::pid)
    }

    /// Starts it (again) on the same state directory.
    ///
    /// # Errors
    /// If it does not become ready; with what it logged.
    pub async fn start_again(&mut self) -> Result<()> {
        let process = Process::announced("dev", self.command()?, &self.home.path().join("log"))?;
        self.ready = Some(self.process.insert(process).ready().await?);
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(["dev", "--json", "--admin-listen", "127.0.0.1:0", "--state-dir"])
            .arg(&self.state)
            .args(self.builder.listen.iter().flat_map(|address| ["--listen", address]))
            .args(&self.builder.arguments)
            .current_dir(&self.work)
            .env("SHELL", "/bin/bash")
            .env("HOME", self.home.path());
        Ok(command)
    }

    /// Kills it without warning; its ptyhost lives on.
    ///
    /// # Errors
    /// If it was not running.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.take().context("dev is running")?.kill().await
    }

    /// Ends it as Ctrl-C does, and waits until it has.
    ///
    /// # Errors
    /// If it does not end well.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.process.take().context("dev is running")?;
        let status = process.stop(rustix::process::Signal::INT).await?;
        ensure!(status.success(), "dev ended with {status}");
        Ok(())
    }

    /// What it logged since it was last started.
    #[must_use]
    pub fn logged(&self) -> String {
        // Its file is there also when the process is not any more.
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what dev logged ---\n{}", self.logged());
        }
    }
}

/// The ptyhost that runs on a state directory, if one does: its command line names the socket.
#[must_use]
pub fn ptyhost_of(state: &Path) -> Option<u32> {
    let wanted = state.to_str()?;
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = command.split('\0').collect();
        (words.get(1) == Some(&"ptyhost") && words.iter().any(|word| word.starts_with(wanted)))
            .then_some(pid)
    })
}

/// Runs the binary to its end.
///
/// # Errors
/// If it cannot be started or takes too long.
pub async fn run(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    within(&format!("termfleet {arguments:?} ends"), async { Ok(command.output().await?) }).await
}

/// Reads a child's output to its end.
///
/// # Errors
/// If it cannot be read.
pub async fn read_all(mut from: impl tokio::io::AsyncRead + Unpin) -> Result<String> {
    let mut text = String::new();
    from.read_to_string(&mut text).await?;
    Ok(text)
}

fn address_of(url: &str) -> SocketAddr {
    let rest = url.split("://").nth(1).expect("a URL has a scheme");
    let authority = rest.split(['/', '#', '?']).next().expect("split gives one part at least");
    authority.parse().expect("dev prints an address")
}

/// The binary that `TERMFLEET_BIN` names (the make targets set it once they have built it), else one
/// that is built now: cargo builds a package's binaries only for that package's own tests, and these
/// tests start it as a user does.
///
/// # Errors
/// If it cannot be built.
pub fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = BINARY.get() {
        return Ok(path);
    }
    if let Some(given) = std::env::var_os("TERMFLEET_BIN") {
        return Ok(BINARY.get_or_init(|| given.into()));
    }
    let own = std::env::current_exe()?;
    // Tests lie in target/PROFILE/deps, other programs in target/PROFILE.
    let profile = own
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps") && !directory.ends_with("examples"))
        .context("programs lie in target/PROFILE")?;
    let name = profile.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--package", "termfleet", "--profile"])
        .arg(if name == "debug" { "dev" } else { name })
        .arg("--target-dir")
        .arg(profile.parent().context("a profile lies in target")?)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(status.success(), "the binary does not build");
    Ok(BINARY.get_or_init(|| profile.join("termfleet")))
}
