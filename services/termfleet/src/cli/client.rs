//! The arguments of the commands that talk to a server: `ls`, `new`, `kill` and `attach`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::StateDir;

/// Which server, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The server's URL; several with commas between are tried in turn. Without one: the `dev` that
    /// runs on the state directory
    #[arg(long, value_name = "URL", env = "TERMFLEET_URL")]
    pub(crate) url: Option<String>,
    /// A token (`termfleet token` prints one); one in the URL's fragment will do
    #[arg(long, value_name = "TOKEN", env = "TERMFLEET_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file of certificates to trust for https, beside the system's
    #[arg(long, value_name = "FILE", env = "TERMFLEET_CA")]
    pub(crate) ca: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) state: StateDir,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Of this project alone
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// One line of JSON a session
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The project it belongs to
    #[arg(long, value_name = "PROJECT", default_value = "default")]
    pub(crate) project: String,
    /// What its tab says
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A name of yours for it, to be used wherever an id is asked for
    #[arg(long, value_name = "ALIAS")]
    pub(crate) alias: Option<String>,
    /// The directory it starts in; else the project's own
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<String>,
    /// Its shell; else the server's default
    #[arg(long, value_name = "PATH")]
    pub(crate) shell: Option<String>,
    /// Attach to it at once, instead of printing its id
    #[arg(long)]
    pub(crate) attach: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// Ids or aliases of sessions
    #[arg(required = true, value_name = "SESSION")]
    pub(crate) sessions: Vec<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
#[command(after_help = ATTACH_HELP)]
pub(crate) struct Attach {
    /// The session's id or alias
    #[arg(value_name = "SESSION")]
    pub(crate) session: String,
    /// What to do once input that is not a terminal has ended
    #[arg(long, value_enum, default_value_t = AtEof::Stay)]
    pub(crate) eof: AtEof,
    #[command(flatten)]
    pub(crate) server: Server,
}

/// What to do once input that is not a terminal has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AtEof {
    /// Stay until the session ends
    Stay,
    /// Leave once the session has taken all of it
    Detach,
}

const ATTACH_HELP: &str = "\
At the start of a line, ~. detaches, ~~ types a tilde and ~? shows this. The session goes on without
you. When its shell ends, its exit code is this command's.

Examples:
  termfleet attach build
  echo 'make; exit' | termfleet attach build";
