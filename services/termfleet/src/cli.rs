//! The command line: what each command is called, takes and teaches.

mod client;
mod config;
mod roles;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use termfleet_runtime::{logs::LogError, settings::FlagValue};
use termfleet_session::limits::REPLAY_BYTES;

use crate::config::flag;
use roles::{GATEWAY_HELP, KEYS_HELP, WORKER_HELP};

pub(crate) use client::{AtEof, Attach, Kill, Ls, New, Server};
pub(crate) use config::{Action, Completions, Config, Source};
pub(crate) use roles::{Gateway, Keys, Worker};

/// A mistake in how the command was called; the process ends with code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Real terminals in the browser, at scale.
///
/// Try `termfleet dev`: it starts everything on this machine and prints a URL to open.
#[derive(Debug, Parser)]
#[command(name = "termfleet", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything on this machine, for you alone: prints the URL of a terminal in the browser
    #[command(after_help = DEV_HELP)]
    Dev(Dev),
    /// One of the processes that clients of a cluster connect to
    #[command(after_help = GATEWAY_HELP)]
    Gateway(Gateway),
    /// One of the processes that run the sessions of a cluster
    #[command(after_help = WORKER_HELP)]
    Worker(Worker),
    /// Make the keys of a new cluster: files that exist stay as they are
    #[command(after_help = KEYS_HELP)]
    Keys(Keys),
    /// The small process that holds shells while workers come and go (started by dev and worker)
    Ptyhost(Ptyhost),
    /// Print a token for `dev` on the same state directory, or for a configured `auth.secret`
    #[command(after_help = TOKEN_HELP)]
    Token(Token),
    /// Ask an admin port whether its process is ready; exit code 0 if it is
    Health(Health),
    /// List your sessions
    Ls(Ls),
    /// Start a session
    New(New),
    /// End sessions
    Kill(Kill),
    /// Use a session in this terminal
    Attach(Attach),
    /// Check, print or explain the configuration
    Config(Config),
    /// Print a script that completes this command line in a shell
    Completions(Completions),
}

const DEV_HELP: &str = "\
Examples:
  termfleet dev                                 a terminal at http://127.0.0.1:4001
  termfleet dev --listen 127.0.0.1:0 --json     a free port, one line of JSON for scripts
  termfleet dev --no-auth                       no tokens, for scripts on this machine

Shells start in the directory where you are, with your $SHELL. Ctrl-C ends everything. After a crash
(kill -9) the shells live on for 60 seconds: start `termfleet dev` again and they go on.";

const TOKEN_HELP: &str = "\
Examples:
  termfleet token                               an admin's token, good for 30 days
  termfleet token --user ann --role user        somebody else's
  termfleet token --config termfleet.toml       signed with the secret of that configuration
  curl -H \"Authorization: Bearer $(termfleet token)\" \\
       http://127.0.0.1:4001/api/terminal/projects/default/sessions";

/// Reads what people write for an address, and says what one looks like.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
        format!("an address is IP:PORT; did you mean 127.0.0.1:{}?", port.unwrap_or("4001"))
    })
}

/// A log filter that is none is a mistake in the call.
pub(crate) fn wrong_log(error: LogError) -> Usage {
    Usage(format!("--log: {error}"))
}

/// Where `dev` keeps its things.
#[derive(Debug, Clone, Args)]
pub(crate) struct StateDir {
    /// Directory for the signing key, the socket and the URL [default: $XDG_STATE_HOME/termfleet,
    /// else ~/.local/state/termfleet]
    #[arg(long, value_name = "DIR", env = "TERMFLEET_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Address of the client port; may be repeated; port 0 takes a free one; loopback only
    /// [default: 127.0.0.1:4001]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Vec<SocketAddr>,
    /// Address of the admin port: /livez /readyz /healthz /metrics; loopback only
    /// [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Ask for no token: everybody on this machine is an administrator
    #[arg(long)]
    pub(crate) no_auth: bool,
    /// When ready, print one line of JSON instead of the text for people
    #[arg(long)]
    pub(crate) json: bool,
    /// The shell of new sessions [default: $SHELL, else /bin/sh]
    #[arg(long, value_name = "PATH")]
    pub(crate) shell: Option<String>,
    /// The command of sessions in mode `claude` [default: claude]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) claude_command: Option<String>,
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) state: StateDir,
    #[command(flatten)]
    pub(crate) source: Source,
}

impl Dev {
    /// What its flags say of settings.
    pub(crate) fn flags(&self) -> Vec<FlagValue> {
        let mut flags = self.logs.flags();
        if !self.listen.is_empty() {
            let all: Vec<_> = self.listen.iter().map(ToString::to_string).collect();
            flags.push(flag("--listen", "server.listen", all.join(",")));
        }
        if let Some(address) = self.admin_listen {
            flags.push(flag("--admin-listen", "server.admin_listen", address.to_string()));
        }
        if let Some(shell) = &self.shell {
            flags.push(flag("--shell", "process.shell", shell));
        }
        if let Some(command) = &self.claude_command {
            flags.push(flag("--claude-command", "process.claude_command", command));
        }
        flags
    }
}

/// What is logged, how it looks, and where spans are sent.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Which log lines to write to stderr, e.g. `debug` or `termfleet_worker=debug`; also
    /// TERMFLEET_LOG
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How log lines look [default: auto]
    #[arg(long, value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// Send spans by OTLP over gRPC to this collector, e.g. http://127.0.0.1:4317
    #[arg(long, value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
}

impl Logs {
    /// What these flags say of settings.
    pub(crate) fn flags(&self) -> Vec<FlagValue> {
        let log = self.log.as_ref().map(|filter| flag("--log", "telemetry.log", filter));
        let format = self.log_format.map(|format| {
            let name = match format {
                LogFormat::Auto => "auto",
                LogFormat::Json => "json",
                LogFormat::Human => "human",
            };
            flag("--log-format", "telemetry.log_format", name)
        });
        let traces = self.otlp_endpoint.as_ref();
        let traces = traces.map(|url| flag("--otlp-endpoint", "telemetry.otlp_endpoint", url));
        log.into_iter().chain(format).chain(traces).collect()
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people on a terminal, else JSON
    Auto,
    /// One JSON object a line
    Json,
    /// For people
    Human,
}

#[derive(Debug, Args)]
pub(crate) struct Ptyhost {
    /// The Unix socket to serve a worker on
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Seconds without any worker after which it ends its shells and itself
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) orphan_after: u64,
    /// Output of each session to keep: a power of two
    #[arg(long, value_name = "BYTES", default_value_t = REPLAY_BYTES)]
    pub(crate) ring_bytes: usize,
    /// Which log lines to write to stderr
    #[arg(long, value_name = "FILTER", env = "TERMFLEET_LOG", default_value = "warn")]
    pub(crate) log: String,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Whose token
    #[arg(long, default_value = "dev")]
    pub(crate) user: String,
    /// `admin`, `user` or `viewer`
    #[arg(long, default_value = "admin")]
    pub(crate) role: String,
    /// The tenant; without it the user stands alone
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// For how many hours it is good [default: auth.expires_in_ms, 30 days]
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=24 * 366))]
    pub(crate) hours: Option<u32>,
    #[command(flatten)]
    pub(crate) state: StateDir,
    #[command(flatten)]
    pub(crate) source: Source,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// The admin port's URL or address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464")]
    pub(crate) admin: String,
    /// How long to wait for the answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    pub(crate) timeout: u64,
}
