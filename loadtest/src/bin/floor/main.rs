//! The floors that the product is measured against: a WebSocket before a shell, with none of the
//! product's features, built with its profile, its libraries and its socket options.
//!
//! `direct` is one process; `edge` and `worker` are two with a bare gRPC stream a terminal between
//! them. There is no sign-in, no limit, no replay and no second session on a socket: whatever the
//! product costs above this is what its features cost. A socket at `/idle` has no shell.
//!
//! That this program names fastwebsockets and a PTY crate is an exception of the house's arrows,
//! written down in `.deny.toml` and `tests/tests/tidy.rs`.

mod hop;
mod shell;
mod socket;

use std::{io::Write, net::SocketAddr};

use anyhow::Result;
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
#[command(name = "termfleet-floor", version)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// One process: WebSocket to PTY
    Direct,
    /// WebSocket to gRPC
    Edge {
        /// Where the worker listens
        #[arg(long)]
        worker: SocketAddr,
    },
    /// gRPC to PTY
    Worker,
}

// The product's gateways and workers have the same runtime here, and one of several threads makes
// neither faster: they share this machine's cores.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    raise_open_files()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::json!({ "event": "ready", "address": address }))?;
    out.flush()?;
    match Cli::parse().role {
        Role::Direct => socket::serve(listener, shell::converse).await,
        Role::Edge { worker } => {
            let worker = hop::Worker::connect(worker).await?;
            socket::serve(listener, move |socket| worker.clone().converse(socket)).await
        }
        Role::Worker => hop::serve(listener).await,
    }
}

fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
