//! The configuration of every process: all keys with their defaults, and the finished types made of
//! them. Each section is a file with its keys and the one function that reads them.
//!
//! Defaults stand below a TOML file (`--config`, `TERMFLEET_CONFIG`), that below variables
//! `TERMFLEET__SECTION__KEY`, those below flags; how layers are gathered is
//! `termfleet_runtime::settings`. Times are milliseconds and their keys end in `_ms`; sizes are bytes
//! and their keys end in `_bytes`.

mod auth;
mod cluster;
mod focus;
mod gateway;
mod hooks;
mod limits;
mod monitoring;
mod process;
mod redis;
mod security;
mod server;
mod session;
mod streaming;
mod telemetry;
mod worker;

mod services;

pub(crate) mod command;

pub(crate) use cluster::{Kubernetes, PoolDriver};
pub(crate) use server::Server;

use std::path::PathBuf;

use anyhow::Result;
use termfleet_runtime::settings::{FlagValue, Layers, Mistakes, Resolved, Schema};

use crate::cli::{self, Usage};

/// All keys there are.
pub(crate) const SCHEMA: Schema = Schema {
    prefix: "TERMFLEET__",
    sections: &[
        server::SECTION,
        redis::SECTION,
        auth::SECTION,
        cluster::SECTION,
        gateway::SECTION,
        worker::SECTION,
        session::SECTION,
        focus::SECTION,
        hooks::SECTION,
        process::SECTION,
        streaming::SECTION,
        security::SECTION,
        limits::SECTION,
        monitoring::SECTION,
        telemetry::SECTION,
    ],
};

/// The whole configuration, in finished types.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where clients and the admin reach this process, and who they may be.
    pub(crate) server: Server,
    /// The store that gateways and workers share.
    pub(crate) redis: redis::Redis,
    /// Whose tokens are believed.
    pub(crate) auth: auth::Auth,
    /// How gateways and workers trust each other.
    pub(crate) cluster: cluster::Cluster,
    /// This gateway.
    pub(crate) gateway: gateway::Gateway,
    /// This worker.
    pub(crate) worker: worker::Worker,
    /// How many sessions there may be, and for how long.
    pub(crate) session: session::Session,
    /// The focus sets of projects.
    pub(crate) focus: focus::Focus,
    /// Who is asked before sessions begin and end, and told after.
    pub(crate) hooks: hooks::Hooks,
    /// What a session runs.
    pub(crate) process: process::Process,
    /// How output is kept.
    pub(crate) streaming: streaming::Streaming,
    /// What may be typed into sessions.
    pub(crate) security: security::Security,
    /// What one client may use.
    pub(crate) limits: limits::Limits,
    /// What is measured, and when it alarms.
    pub(crate) monitoring: monitoring::Monitoring,
    /// Logs and traces.
    pub(crate) telemetry: telemetry::Telemetry,
    /// Keys that somebody has set and that have no effect in this version: to be logged at start.
    pub(crate) pending: Vec<String>,
}

impl Settings {
    /// Makes finished types of values.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn parse(values: &mut Resolved) -> Result<Self, Mistakes> {
        let settings = Self {
            server: server::parse(values),
            redis: redis::parse(values),
            auth: auth::parse(values),
            cluster: cluster::parse(values),
            gateway: gateway::parse(values),
            worker: worker::parse(values),
            session: session::parse(values),
            focus: focus::parse(values),
            hooks: hooks::parse(values),
            process: process::parse(values),
            streaming: streaming::parse(values),
            security: security::parse(values),
            limits: limits::parse(values),
            monitoring: monitoring::parse(values),
            telemetry: telemetry::parse(values),
            pending: values.pending(),
        };
        values.verdict()?;
        Ok(settings)
    }

    /// Logs what was set in vain. To be called once logs are set up.
    pub(crate) fn warn_of_pending(&self) {
        for line in &self.pending {
            tracing::warn!("{line}");
        }
    }
}

/// Gathers the layers of a command: its file, this process' environment, its flags.
pub(crate) fn gather(source: &cli::Source, flags: Vec<FlagValue>) -> Resolved {
    let set = source.set.iter().map(|(key, text)| FlagValue {
        flag: format!("--set {key}"),
        key: key.clone(),
        text: text.clone(),
    });
    Layers::of(SCHEMA)
        .file(source.config.as_ref().map(PathBuf::from))
        .variables(std::env::vars_os())
        // A command's own flag is the plainer word: it counts even where `--set` says otherwise.
        .flags(set.chain(flags))
        .resolve()
}

/// The settings of a command.
///
/// # Errors
/// [`Usage`] with everything that is wrong.
pub(crate) fn load(source: &cli::Source, flags: Vec<FlagValue>) -> Result<Settings> {
    Settings::parse(&mut gather(source, flags)).map_err(|error| Usage(error.to_string()).into())
}

/// What a flag says of a key.
pub(crate) fn flag(flag: &str, key: &str, text: impl Into<String>) -> FlagValue {
    FlagValue { flag: flag.to_owned(), key: key.to_owned(), text: text.into() }
}

#[cfg(test)]
mod tests;
