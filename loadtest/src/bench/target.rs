//! What is measured: a floor, `dev` alone, or a whole cluster.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context, Result, bail};
use termfleet_tests::{
    cluster::{self, Cluster},
    dev::{Builder, Dev, ptyhost_of},
};

use super::{
    floor::Floor,
    wire::{SIZE, Size, Wire},
};
use crate::report::Side;

/// Sessions of one project: the limit that the product itself sets.
const SESSIONS_PER_PROJECT: usize = 10;
/// A load test is one user at one address.
const LIMITS: &str = include_str!("../../limits.toml");
/// The processes of the cluster share this machine's cores.
const THREADS: &str = "threads = 1\n";
const LIMITS_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/limits.toml");

/// Something with an address.
pub(super) struct Target {
    side: Side,
    what: What,
    /// Numbers sessions, over all scenarios.
    created: usize,
}

enum What {
    Floor(Floor),
    /// One process with everything in it, and its ptyhost.
    Dev(Box<Dev>),
    /// Processes for everything, and who measures them.
    Cluster(Box<Cluster>, String),
}

impl Target {
    fn new(side: Side, what: What) -> Self {
        Self { side, what, created: 0 }
    }

    /// The floor of one process.
    pub(super) async fn direct() -> Result<Self> {
        Ok(Self::new(Side::Direct, What::Floor(Floor::direct().await?)))
    }

    /// The floor with a hop.
    pub(super) async fn hop() -> Result<Self> {
        Ok(Self::new(Side::Hop, What::Floor(Floor::hop().await?)))
    }

    pub(super) async fn dev() -> Result<Self> {
        // The limits on messages would be measured, which hold back a thousand keys a second.
        let dev = Builder::default().arg("--no-auth").arg("--config").arg(LIMITS_FILE);
        Ok(Self::new(Side::Dev, What::Dev(Box::new(dev.start().await?))))
    }

    pub(super) async fn cluster() -> Result<Self> {
        let lifted = [
            ("HANDSHAKE_RATE", "10000r/s".to_owned()),
            ("HANDSHAKE_BURST", "10000".to_owned()),
            ("CONNECTIONS_PER_CLIENT", "50000".to_owned()),
        ];
        let builder = cluster::Builder::default()
            .server_config(THREADS)
            .gateway_config(LIMITS)
            .nginx(BTreeMap::from(lifted));
        let cluster = Box::new(builder.start().await?);
        let token = cluster.token("load", "user").await?;
        Ok(Self::new(Side::Cluster, What::Cluster(cluster, token)))
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    pub(super) fn token(&self) -> Option<&str> {
        match &self.what {
            What::Floor(_) | What::Dev(_) => None,
            What::Cluster(_, token) => Some(token),
        }
    }

    /// Where a socket goes. Those of a cluster are dealt out to its gateways, so that nginx, which is
    /// not ours, is not measured.
    pub(super) fn address(&self, number: usize) -> SocketAddr {
        match &self.what {
            What::Floor(floor) => floor.address(),
            What::Dev(dev) => dev.address(),
            What::Cluster(cluster, _) => {
                cluster.gateways[number % cluster.gateways.len()].address()
            }
        }
    }

    /// The cluster and its token, if it is one.
    pub(super) fn of_cluster(&self) -> Option<(&Cluster, &str)> {
        match &self.what {
            What::Floor(_) | What::Dev(_) => None,
            What::Cluster(cluster, token) => Some((cluster, token)),
        }
    }

    pub(super) fn is_floor(&self) -> bool {
        matches!(self.what, What::Floor(_))
    }

    /// The processes on the way of bytes; shells, nginx and Redis are not.
    pub(super) fn servers(&self) -> Result<Vec<u32>> {
        Ok(match &self.what {
            What::Floor(floor) => floor.pids(),
            What::Dev(dev) => vec![
                dev.pid().context("dev runs")?,
                ptyhost_of(dev.state()).context("a ptyhost runs")?,
            ],
            What::Cluster(cluster, _) => {
                let gateways = cluster.gateways.iter().filter_map(|gateway| gateway.pid());
                let workers = cluster.workers.iter().flat_map(|w| [w.pid(), w.ptyhost()]);
                gateways.chain(workers.flatten()).collect()
            }
        })
    }

    /// The same by what they do: who sockets come to, who has the sessions, who has the terminals. One
    /// process that does several things comes first.
    pub(super) fn roles(&self) -> Result<[Vec<u32>; 3]> {
        let What::Cluster(cluster, _) = &self.what else {
            let [edge, ptyhost] = self.servers()?[..] else { bail!("two processes") };
            return Ok([vec![edge], Vec::new(), vec![ptyhost]]);
        };
        Ok([
            cluster.gateways.iter().filter_map(|gateway| gateway.pid()).collect(),
            cluster.workers.iter().filter_map(|worker| worker.pid()).collect(),
            cluster.workers.iter().filter_map(|worker| worker.ptyhost()).collect(),
        ])
    }

    /// The process that sockets come to.
    pub(super) fn edge(&self) -> Result<u32> {
        let pid = match &self.what {
            What::Floor(floor) => floor.pids().last().copied(),
            What::Dev(dev) => dev.pid(),
            What::Cluster(cluster, _) => cluster.gateways.first().and_then(|g| g.pid()),
        };
        pid.context("it runs")
    }

    /// A project that has room for one more session.
    pub(super) fn project(&mut self) -> String {
        let project = format!("bench-{}", self.created / SESSIONS_PER_PROJECT);
        self.created += 1;
        project
    }

    /// A signed-in socket that is attached to nothing.
    pub(super) async fn idle(&self, number: usize) -> Result<Wire> {
        match &self.what {
            What::Floor(floor) => Wire::floor(floor.address(), super::wire::FLOOR_IDLE).await,
            _ => Wire::product(self.address(number), self.token()).await,
        }
    }

    /// A socket with one new terminal, from nothing.
    pub(super) async fn open(&mut self) -> Result<Wire> {
        if let What::Floor(floor) = &self.what {
            return Wire::floor(floor.address(), "/").await;
        }
        let mut wire = self.idle(self.created).await?;
        self.seat(&mut wire).await?;
        Ok(wire)
    }

    /// One more new terminal on a socket of the product.
    pub(super) async fn seat(&mut self, wire: &mut Wire) -> Result<String> {
        self.sized_seat(wire, SIZE).await
    }

    /// The same of another size.
    pub(super) async fn sized_seat(&mut self, wire: &mut Wire, size: Size) -> Result<String> {
        let id = wire.create(&self.project()).await?;
        wire.attach_sized(&id, size).await?;
        Ok(id)
    }

    pub(super) async fn end(self) -> Result<()> {
        match self.what {
            What::Floor(floor) => floor.end().await,
            What::Dev(mut dev) => dev.stop().await,
            What::Cluster(cluster, _) => cluster.end().await,
        }
    }
}
