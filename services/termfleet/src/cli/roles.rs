//! The arguments of the commands that make up a cluster.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use termfleet_runtime::settings::FlagValue;

use super::{Logs, Source, address};
use crate::config::flag;

pub(super) const GATEWAY_HELP: &str = "\
Examples:
  termfleet keys --dir keys
  termfleet gateway --redis redis://127.0.0.1:6379 --set auth.secret_file=keys/tokens.key \\
      --set cluster.signing_key_file=keys/cluster.key

SIGTERM drains: clients are told to go elsewhere, and are let go within gateway.drain_deadline_ms.";

pub(super) const WORKER_HELP: &str = "\
Example:
  termfleet worker --redis redis://127.0.0.1:6379 --id w1 --state-dir /var/lib/termfleet/w1 \\
      --set cluster.verify_key_file=keys/cluster.pub

Shells live on when the process ends, however it ends: start it again on the same state directory,
within ten minutes, and they go on.";

pub(super) const KEYS_HELP: &str = "\
It makes, in DIR,
  cluster.key  for gateways: cluster.signing_key_file
  cluster.pub  for workers: cluster.verify_key_file
  tokens.key   for gateways that check tokens of `termfleet token`: auth.secret_file";

#[derive(Debug, Args)]
pub(crate) struct Gateway {
    /// Address of the client port; may be repeated; port 0 takes a free one [default:
    /// 127.0.0.1:4001]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Vec<SocketAddr>,
    /// Address of the admin port: /livez /readyz /healthz /metrics [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Where Redis is; a password is better given in REDIS_URL or a file
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Its name towards clients and in logs
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// When ready, print one line of JSON instead of the text for people
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) source: Source,
}

impl Gateway {
    /// What its flags say of settings.
    pub(crate) fn flags(&self) -> Vec<FlagValue> {
        let mut flags = self.logs.flags();
        if !self.listen.is_empty() {
            let all: Vec<_> = self.listen.iter().map(ToString::to_string).collect();
            flags.push(flag("--listen", "server.listen", all.join(",")));
        }
        flags.extend(given("--admin-listen", "server.admin_listen", self.admin_listen.as_ref()));
        flags.extend(given("--redis", "redis.url", self.redis.as_ref()));
        flags.extend(given("--id", "gateway.id", self.id.as_ref()));
        flags
    }
}

#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// Address that it serves gateways on; port 0 takes a free one [default: 127.0.0.1:4002]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the admin port: /livez /readyz /healthz /metrics [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Where Redis is; a password is better given in REDIS_URL or a file
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Its lasting name [default: the machine's]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Directory of its ptyhost's socket and of projects [default:
    /// $XDG_STATE_HOME/termfleet-worker, else ~/.local/state/termfleet-worker]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// End, as if told to, when stdin ends: for whoever starts workers and must not leave any behind
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
    /// When ready, print one line of JSON instead of the text for people
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) source: Source,
}

impl Worker {
    /// What its flags say of settings.
    pub(crate) fn flags(&self) -> Vec<FlagValue> {
        let mut flags = self.logs.flags();
        flags.extend(given("--listen", "worker.listen", self.listen.as_ref()));
        flags.extend(given("--admin-listen", "server.admin_listen", self.admin_listen.as_ref()));
        flags.extend(given("--redis", "redis.url", self.redis.as_ref()));
        flags.extend(given("--id", "worker.id", self.id.as_ref()));
        let directory = self.state_dir.as_ref().map(|directory| directory.display());
        flags.extend(given("--state-dir", "worker.state_dir", directory.as_ref()));
        flags
    }
}

/// Makes the keys of a new cluster.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Where to put them
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

fn given(name: &str, key: &str, value: Option<&impl ToString>) -> Option<FlagValue> {
    value.map(|value| flag(name, key, value.to_string()))
}
