//! How a worker of a pool is started: this very program, with the gateway's own configuration, and
//! with a name, ports and a directory of its own.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, anyhow, ensure};
use termfleet_gateway::scale::MOST_WORKERS;

use super::plan::Number;
use crate::{
    cli::{self, Usage},
    config::Settings,
    state::{Lock, StateDir},
    worker,
};

/// The name of the directory that theirs are in, unless one is configured.
const STATE: &str = "termfleet-pool";
/// A free port, for gateways on this machine alone.
const SOME_PORT: &str = "127.0.0.1:0";

/// What all workers of a pool are started with.
pub(in crate::gateway) struct Recipe {
    program: PathBuf,
    shared: Vec<OsString>,
    base: StateDir,
    /// Two gateways would start the same workers.
    _lock: Lock,
}

impl Recipe {
    /// The recipe of this gateway. What its workers would stumble over is told now.
    pub(super) fn of(options: &cli::Gateway, settings: &Settings) -> Result<Self> {
        check(settings)?;
        let base = StateDir::at(settings.worker.state_dir.as_deref(), STATE)?;
        base.below(&Number(MOST_WORKERS).to_string())?;
        let lock = base.lock()?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        Ok(Self { program, shared: shared(options), base, _lock: lock })
    }

    /// Starts one, in a process group of its own: Ctrl-C is for the gateway, which ends it last.
    pub(super) fn start(&self, number: Number) -> io::Result<Child> {
        let name = number.to_string();
        let directory = self.base.below(&name).map_err(io::Error::other)?;
        Command::new(&self.program)
            .arg("worker")
            .args(&self.shared)
            .args(["--listen", SOME_PORT, "--admin-listen", SOME_PORT, "--id", &name])
            .arg("--state-dir")
            .arg(directory)
            // Its other end is gone with the gateway, also if that is killed.
            .arg("--end-with-stdin")
            .stdin(Stdio::piped())
            // The gateway's own is for what it announces; logs go where its logs go.
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
    }
}

fn check(settings: &Settings) -> Result<()> {
    worker::check(settings).map_err(|error| {
        anyhow!(Usage(format!(
            "with cluster.pool_driver = \"process\" the gateway's configuration is its workers' too: \
             {error:#}"
        )))
    })?;
    ensure!(
        settings.worker.advertise.is_none(),
        Usage(
            "worker.advertise cannot be set with cluster.pool_driver = \"process\": each worker has a \
             port of its own"
                .into()
        )
    );
    Ok(())
}

/// Where the gateway has its settings from. Its flags count as settings: names and ports of the
/// workers are flags, which win over these.
fn shared(options: &cli::Gateway) -> Vec<OsString> {
    let mut all = Vec::new();
    if let Some(file) = &options.source.config {
        all.extend(["--config".into(), file.into()]);
    }
    let set = options.source.set.iter().map(|(key, text)| format!("{key}={text}"));
    let flags = options.flags();
    let flags = flags.iter().map(|flag| format!("{}={}", flag.key, flag.text));
    for pair in set.chain(flags) {
        all.extend(["--set".into(), pair.into()]);
    }
    all
}
