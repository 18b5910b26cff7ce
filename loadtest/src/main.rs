//! `termfleet-load`: measures Termfleet from outside, with the client that the tests use too.

mod bench;
mod report;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Load and benchmarks for Termfleet.
#[derive(Debug, Parser)]
#[command(name = "termfleet-load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start `termfleet dev` and a cluster, and measure echo, flood, focus and memory
    Bench {
        /// Where the figures go as JSON
        #[arg(long, default_value = "target/bench.json")]
        output: PathBuf,
        /// How often each measurement is repeated; the table shows median, least and most
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
        rounds: u32,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Bench { output, rounds } => {
            let figures = bench::run(rounds).await?;
            report::write(&figures, &output)
        }
    }
}
