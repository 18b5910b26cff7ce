//! `termfleet`: one binary, one role a command. Main reads the command line and hands over; each
//! command is a file of its own.

mod cli;

#[allow(
    dead_code,
    reason = "settings of what is not there yet are parsed and checked all the same"
)]
mod config;

mod client;

mod completions;
mod dev;
mod gateway;
mod health;
mod keys;
mod ptyhost;
mod token;
mod worker;

mod exchange;
mod holder;
mod hooks;
mod listen;
mod redis;
mod role;
mod state;
mod tls;
mod web;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// Something that the user can mend: bad arguments, a port in use (sysexits' EX_USAGE is 64).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Ls(options) => client::ls(&options),
        Command::Kill(options) => client::kill(&options),
        Command::New(options) => return ended(client::new(&options)),
        Command::Attach(options) => return ended(client::attach(&options)),
        Command::Dev(options) => dev::run(options),
        Command::Gateway(options) => gateway::run(&options),
        Command::Worker(options) => worker::run(&options),
        Command::Keys(options) => keys::run(&options),
        Command::Ptyhost(options) => ptyhost::run(options),
        Command::Token(options) => token::run(&options),
        Command::Health(options) => health::run(&options),
        Command::Config(options) => config::command::run(&options),
        Command::Completions(options) => {
            completions::run(&options);
            Ok(())
        }
    };
    ended(done.map(|()| 0))
}

/// The code that a command ended with: its own, or that of what went wrong.
fn ended(done: anyhow::Result<u8>) -> ExitCode {
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // One line a cause: the first says what failed, the last what to do.
            eprintln!("termfleet: {error:#}");
            ExitCode::from(if error.is::<cli::Usage>() { EXIT_USAGE } else { 1 })
        }
    }
}
