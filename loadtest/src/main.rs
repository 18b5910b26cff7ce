//! `termfleet-load`: measures Termfleet from outside, and the floors beside it.

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
    /// Start the floors, `termfleet dev` and a cluster, and measure them side by side
    Bench {
        /// Where the figures go as JSON
        #[arg(long, default_value = "target/bench.json")]
        output: PathBuf,
        /// How often each measurement is repeated; the table shows medians
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
        rounds: u32,
        /// A page whose tables are written anew, with a plot beside it
        #[arg(long)]
        page: Option<PathBuf>,
        /// Only these scenarios
        #[arg(long, value_enum)]
        only: Vec<bench::Scenario>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Bench { output, rounds, page, only } => {
            let rows = bench::run(rounds, &only).await?;
            report::print(&rows);
            report::write(&rows, &output)?;
            match page {
                Some(page) => report::write_page(&rows, &page, rounds),
                None => Ok(()),
            }
        }
    }
}
