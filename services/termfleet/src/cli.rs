//! The command line: what each command is called, takes and teaches.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use termfleet_runtime::logs::{Format, LogError};

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
    /// The small process that holds shells while workers come and go (started by dev)
    Ptyhost(Ptyhost),
    /// Print a token for a `dev` that runs, or ran, on the same state directory
    #[command(after_help = TOKEN_HELP)]
    Token(Token),
    /// Ask an admin port whether its process is ready; exit code 0 if it is
    Health(Health),
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
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4001", value_parser = address)]
    pub(crate) listen: Vec<SocketAddr>,
    /// Address of the admin port: /livez /readyz /healthz /metrics; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464", value_parser = address)]
    pub(crate) admin_listen: SocketAddr,
    /// Ask for no token: everybody on this machine is an administrator
    #[arg(long)]
    pub(crate) no_auth: bool,
    /// When ready, print one line of JSON instead of the text for people
    #[arg(long)]
    pub(crate) json: bool,
    /// The shell of new sessions [default: $SHELL, else /bin/sh]
    #[arg(long, value_name = "PATH")]
    pub(crate) shell: Option<String>,
    /// The command of sessions in mode `claude`
    #[arg(long, value_name = "COMMAND", default_value = "claude")]
    pub(crate) claude_command: String,
    /// Which log lines to write to stderr, e.g. `debug` or `termfleet_worker=debug`
    #[arg(long, value_name = "FILTER", env = "TERMFLEET_LOG", default_value = "warn")]
    pub(crate) log: String,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Auto)]
    pub(crate) log_format: LogFormat,
    #[command(flatten)]
    pub(crate) state: StateDir,
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

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Json => Self::Json,
            LogFormat::Human => Self::Human,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Ptyhost {
    /// The Unix socket to serve a worker on
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Seconds without any worker after which it ends its shells and itself
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) orphan_after: u64,
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
    /// For how many hours it is good
    #[arg(long, value_name = "HOURS", default_value_t = 30 * 24, value_parser = clap::value_parser!(u32).range(1..=24 * 366))]
    pub(crate) hours: u32,
    #[command(flatten)]
    pub(crate) state: StateDir,
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
