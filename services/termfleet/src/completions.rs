//! `termfleet completions`: a script that teaches a shell this command line.

use clap::CommandFactory;

use crate::cli::{Cli, Completions};

pub(crate) fn run(options: &Completions) {
    let mut command = Cli::command();
    clap_complete::generate(options.shell, &mut command, "termfleet", &mut std::io::stdout());
}
