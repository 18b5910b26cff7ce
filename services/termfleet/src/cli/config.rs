//! The arguments of `termfleet config` and `termfleet completions`, and where a command's settings
//! come from.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Source {
    /// A TOML file of settings: `termfleet config reference` lists them
    #[arg(long, value_name = "FILE", env = "TERMFLEET_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, over the file and the environment; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or("as in session.max_per_user=50")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: Action,
}

const HELP: &str = "\
Defaults < file < environment < flags. A setting `section.key` is
  in a file           [section] and key = …
  in the environment  TERMFLEET__SECTION__KEY
  on a command line   --set section.key=…

Examples:
  termfleet config check --config deploy/config/termfleet.toml
  TERMFLEET__SESSION__MAX_PER_USER=50 termfleet config print";

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Say everything that is wrong with a configuration; exit code 64 if anything is
    Check(Source),
    /// Print every setting as it counts, with where it comes from; secrets are masked
    Print(Source),
    /// Print the table of all settings, in Markdown
    Reference,
}

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  termfleet completions bash > ~/.local/share/bash-completion/completions/termfleet
  termfleet completions zsh > \"${fpath[1]}/_termfleet\"
  termfleet completions fish > ~/.config/fish/completions/termfleet.fish";
