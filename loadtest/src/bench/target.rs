//! What is measured, started anew: `dev` alone, or a whole cluster.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::Result;
use termfleet_tests::{
    client::{Socket, Terminal},
    cluster::{self, Cluster},
    dev::{Builder, Dev},
    http::Http,
};

/// Sessions of one project: the limit that the product itself sets.
const SESSIONS_PER_PROJECT: usize = 10;
/// A load test is one user at one address.
const LIMITS: &str = include_str!("../../limits.toml");
const LIMITS_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/limits.toml");

/// Something with an address.
pub(super) enum Target {
    /// One process with everything in it, and its ptyhost.
    Dev(Box<Dev>),
    /// Processes for everything.
    Cluster {
        /// It.
        cluster: Box<Cluster>,
        /// Who measures.
        token: String,
    },
}

impl Target {
    pub(super) async fn dev() -> Result<Self> {
        // The limits on messages would be measured, which hold back a thousand keys a second.
        let dev = Builder::default().arg("--no-auth").arg("--config").arg(LIMITS_FILE);
        Ok(Self::Dev(Box::new(dev.start().await?)))
    }

    pub(super) async fn cluster() -> Result<Self> {
        let lifted = [
            ("HANDSHAKE_RATE", "10000r/s".to_owned()),
            ("HANDSHAKE_BURST", "10000".to_owned()),
            ("CONNECTIONS_PER_CLIENT", "50000".to_owned()),
        ];
        let builder =
            cluster::Builder::default().gateway_config(LIMITS).nginx(BTreeMap::from(lifted));
        let cluster = Box::new(builder.start().await?);
        let token = cluster.token("load", "user").await?;
        Ok(Self::Cluster { cluster, token })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Dev(_) => "dev",
            Self::Cluster { .. } => "cluster",
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Dev(dev) => dev.address(),
            Self::Cluster { cluster, .. } => cluster.address(),
        }
    }

    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Dev(_) => None,
            Self::Cluster { token, .. } => Some(token),
        }
    }

    /// The cluster and its token, if it is one.
    pub(super) fn of_cluster(&self) -> Option<(&Cluster, &str)> {
        match self {
            Self::Dev(_) => None,
            Self::Cluster { cluster, token } => Some((cluster, token)),
        }
    }

    /// Creates a session; the number decides its project, so that no limit of a project is met.
    pub(super) async fn create(&self, number: usize) -> Result<String> {
        let project = format!("bench-{}", number / SESSIONS_PER_PROJECT);
        Http::new(self.address(), self.token()).create(&project).await
    }

    /// Attaches to a fresh session and waits for its shell to be ready.
    pub(super) async fn terminal(&self, number: usize) -> Result<Terminal> {
        let id = self.create(number).await?;
        let socket = Socket::canonical(self.address(), self.token()).await?;
        let mut terminal = Terminal::attach(socket, &id).await?;
        terminal.type_text("PS1=; stty -echo; echo rea''dy\n").await?;
        terminal.read_text("ready\r\n").await?;
        Ok(terminal)
    }

    pub(super) async fn end(self) -> Result<()> {
        match self {
            Self::Dev(mut dev) => dev.stop().await,
            Self::Cluster { cluster, .. } => cluster.end().await,
        }
    }
}
