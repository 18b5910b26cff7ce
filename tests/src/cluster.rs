//! A cluster as processes on this machine: Redis with an append-only file, workers with their
//! ptyhosts, gateways, and nginx in front. Each can be killed, stopped, paused and started again, and
//! each may be another build.
//!
//! A test that is done says so with [`Cluster::end`]. If it does not get there, everything that was
//! logged is printed; either way nothing is left behind.

mod redis;
mod roaming;
mod role;

use std::{net::SocketAddr, path::PathBuf, process::Output};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use tokio::process::Command;

use self::role::Roles;
pub use self::{redis::Redis, roaming::Roaming, role::Role};
use crate::{
    client::{Socket, Terminal},
    dev::binary,
    home::Home,
    http::Http,
    nginx::{Nginx, Settings},
    wait::{until, within},
};

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct Builder {
    workers: usize,
    gateways: usize,
    nginx: Option<Settings>,
    tls: bool,
    server_config: String,
    gateway_config: String,
    cluster_config: String,
    worker_config: String,
    binaries: Vec<(String, PathBuf)>,
    process_pool: Option<u32>,
}

impl Default for Builder {
    /// As `make cluster`: two workers, three gateways, nginx.
    fn default() -> Self {
        Self {
            workers: 2,
            gateways: 3,
            nginx: Some(Settings::new()),
            tls: false,
            server_config: String::new(),
            gateway_config: String::new(),
            cluster_config: String::new(),
            worker_config: String::new(),
            binaries: Vec::new(),
            process_pool: None,
        }
    }
}

impl Builder {
    /// With so many workers.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// With so many gateways.
    #[must_use]
    pub fn gateways(mut self, count: usize) -> Self {
        self.gateways = count;
        self
    }

    /// Without nginx: clients talk to gateways.
    #[must_use]
    pub fn without_nginx(mut self) -> Self {
        self.nginx = None;
        self
    }

    /// With nginx configured like this.
    #[must_use]
    pub fn nginx(mut self, settings: Settings) -> Self {
        self.nginx = Some(settings);
        self
    }

    /// With TLS at nginx.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// With more lines (TOML) of every process' section `[server]`.
    #[must_use]
    pub fn server_config(mut self, lines: &str) -> Self {
        self.server_config.push_str(lines);
        self
    }

    /// With more lines (TOML) in every gateway's configuration.
    #[must_use]
    pub fn gateway_config(mut self, lines: &str) -> Self {
        self.gateway_config.push_str(lines);
        self
    }

    /// With more lines (TOML) of every gateway's section `[cluster]`.
    #[must_use]
    pub fn cluster_config(mut self, lines: &str) -> Self {
        self.cluster_config.push_str(lines);
        self
    }

    /// With more lines (TOML) in every worker's configuration.
    #[must_use]
    pub fn worker_config(mut self, lines: &str) -> Self {
        self.worker_config.push_str(lines);
        self
    }

    /// With another build for one process, such as `gateway-1` or `worker-2`.
    #[must_use]
    pub fn binary(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.binaries.push((name.to_owned(), path.into()));
        self
    }

    /// With gateways that start so many workers themselves, below their own folders; these are
    /// configured as the other workers are.
    #[must_use]
    pub fn process_pool(mut self, workers: u32) -> Self {
        self.process_pool = Some(workers);
        self
    }

    /// Starts it and waits until every gateway knows every worker.
    ///
    /// # Errors
    /// If it does not become ready; with what it logged.
    pub async fn start(self) -> Result<Cluster> {
        let home = Home::new()?;
        let redis = Redis::start(&home, &[]).await?;
        let keys = Keys::make(&home).await?;
        let roles = Roles { home: &home, redis: redis.url(), keys: &keys, built: &self };
        let workers =
            (1..=self.workers).map(|number| roles.worker(number)).collect::<Result<_>>()?;
        let gateways =
            (1..=self.gateways).map(|number| roles.gateway(number)).collect::<Result<_>>()?;
        let mut cluster =
            Cluster { redis, workers, gateways, nginx: None, keys, ended: false, home };
        // All at once: most of a start is waiting.
        let roles = cluster.workers.iter_mut().chain(&mut cluster.gateways);
        try_join_all(roles.map(Role::start)).await?;
        if let Some(settings) = self.nginx {
            let gateways: Vec<_> = cluster.gateways.iter().map(Role::address).collect();
            cluster.nginx = Some(match self.tls {
                true => Nginx::with_tls(&cluster.home, &gateways, settings).await?,
                false => Nginx::start(&cluster.home, &gateways, settings).await?,
            });
        }
        Ok(cluster)
    }
}

/// What gateways and workers are told to trust, as files.
struct Keys {
    /// The secret of users' tokens.
    tokens: PathBuf,
    /// The gateways' private half.
    signing: PathBuf,
    /// The workers' public half.
    verify: PathBuf,
}

impl Keys {
    async fn make(home: &Home) -> Result<Self> {
        let folder = home.folder("keys")?;
        let keys = Self {
            tokens: folder.join("tokens.key"),
            signing: folder.join("cluster.key"),
            verify: folder.join("cluster.pub"),
        };
        let mut command = Command::new(binary()?);
        command.args(["keys", "--dir"]).arg(&folder).kill_on_drop(true);
        let made = within("keys", async { Ok(command.output().await?) }).await?;
        ensure!(made.status.success(), "keys: {}", String::from_utf8_lossy(&made.stderr));
        Ok(keys)
    }
}

/// A running cluster.
pub struct Cluster {
    /// Its store.
    pub redis: Redis,
    /// Its workers, each with a ptyhost of its own.
    pub workers: Vec<Role>,
    /// Its gateways.
    pub gateways: Vec<Role>,
    /// What stands before them.
    pub nginx: Option<Nginx>,
    keys: Keys,
    ended: bool,
    // Last, as it clears up behind the others.
    home: Home,
}

impl Cluster {
    /// As `make cluster`: two workers, three gateways, nginx.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn start() -> Result<Self> {
        Builder::default().start().await
    }

    /// Where clients go: nginx, or the first gateway where there is none.
    ///
    /// # Panics
    /// If it has neither.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.nginx.as_ref().map_or_else(|| self.gateways[0].address(), Nginx::address)
    }

    /// The directory that everything of it is below.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// A user's token, made by the command line.
    ///
    /// # Errors
    /// If it makes none.
    pub async fn token(&self, user: &str, role: &str) -> Result<String> {
        self.token_with(&["--user", user, "--role", role]).await
    }

    async fn token_with(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(binary()?);
        command
            .arg("token")
            .args(arguments)
            .env("TERMFLEET__AUTH__SECRET_FILE", &self.keys.tokens)
            .env("HOME", self.home.path())
            .kill_on_drop(true);
        let made = within("a token", async { Ok(command.output().await?) }).await?;
        ensure!(made.status.success(), "token: {}", String::from_utf8_lossy(&made.stderr));
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    }

    /// A user of it.
    ///
    /// # Errors
    /// If there is no token for them.
    pub async fn user(&self, name: &str) -> Result<User> {
        let token = self.token(name, "user").await?;
        Ok(User { token, front: self.address() })
    }

    /// An administrator of all of it.
    ///
    /// # Errors
    /// If there is no token for them.
    pub async fn admin(&self, name: &str) -> Result<User> {
        let every = ["--user", name, "--role", "admin", "--tenant", "*"];
        let token = self.token_with(&every).await?;
        Ok(User { token, front: self.address() })
    }

    /// The gateway of that name, as `welcome` tells it.
    ///
    /// # Errors
    /// If there is none.
    pub fn gateway(&mut self, instance: &str) -> Result<&mut Role> {
        let found = self.gateways.iter_mut().find(|gateway| gateway.name() == instance);
        found.with_context(|| format!("no gateway is called {instance}"))
    }

    /// The worker of that name, as a session's record tells it.
    ///
    /// # Errors
    /// If there is none.
    pub fn worker(&mut self, id: &str) -> Result<&mut Role> {
        let found = self.workers.iter_mut().find(|worker| worker.name() == id);
        found.with_context(|| format!("no worker is called {id}"))
    }

    /// The end of a test that went well: every process is asked to end, and none may be left.
    ///
    /// # Errors
    /// If one does not end, or left another behind.
    pub async fn end(mut self) -> Result<()> {
        if let Some(nginx) = &mut self.nginx {
            nginx.stop().await?;
        }
        for role in self.gateways.iter_mut().chain(&mut self.workers).filter(|role| role.runs()) {
            role.stop().await?;
        }
        for role in self.workers.iter().chain(&self.gateways) {
            // A gateway that starts workers has several below it.
            while role.ptyhost().is_some() {
                role.end_ptyhost().await?;
            }
        }
        self.redis.stop().await?;
        let home = &self.home;
        until("nothing is left", || async { home.processes().is_empty().then_some(()) })
            .await
            .with_context(|| format!("left: {:?}", home.processes()))?;
        self.ended = true;
        Ok(())
    }

    /// Everything that was logged, by whom.
    #[must_use]
    pub fn logged(&self) -> String {
        let nginx = self.nginx.iter().map(|nginx| ("nginx", nginx.logged()));
        let roles = self.gateways.iter().chain(&self.workers);
        let roles = roles.map(|role| (role.name(), role.logged()));
        let all = nginx.chain(roles).chain([("redis", self.redis.logged())]);
        all.map(|(name, text)| format!("--- what {name} logged ---\n{text}\n")).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.ended {
            eprintln!("{}", self.logged());
        }
    }
}

/// Runs a gateway or a worker with this Redis to its end, which it finds by itself if that Redis will
/// not do.
///
/// # Errors
/// If it goes on running.
pub async fn attempt(home: &Home, command: &'static str, redis: &str) -> Result<Output> {
    let (keys, built) = (Keys::make(home).await?, Builder::default());
    let roles = Roles { home, redis: redis.to_owned(), keys: &keys, built: &built };
    let role = match command {
        "gateway" => roles.gateway(1)?,
        _ => roles.worker(1)?,
    };
    role.attempt().await
}

/// A user with a token.
#[derive(Debug, Clone)]
pub struct User {
    token: String,
    front: SocketAddr,
}

impl User {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Asks the cluster's front.
    #[must_use]
    pub fn http(&self) -> Http {
        self.http_at(self.front)
    }

    /// Asks one gateway.
    #[must_use]
    pub fn http_at(&self, gateway: SocketAddr) -> Http {
        Http::new(gateway, Some(&self.token))
    }

    /// A socket through the front.
    ///
    /// # Errors
    /// If there is no welcome.
    pub async fn socket(&self) -> Result<Socket> {
        self.socket_at(self.front).await
    }

    /// A socket at one gateway.
    ///
    /// # Errors
    /// If there is no welcome.
    pub async fn socket_at(&self, gateway: SocketAddr) -> Result<Socket> {
        Socket::canonical(gateway, Some(&self.token)).await
    }

    /// A new terminal through the front.
    ///
    /// # Errors
    /// If the session refuses.
    pub async fn terminal(&self, session: &str) -> Result<Terminal> {
        Terminal::attach(self.socket().await?, session).await
    }

    /// A new terminal at one gateway.
    ///
    /// # Errors
    /// If the session refuses.
    pub async fn terminal_at(&self, gateway: SocketAddr, session: &str) -> Result<Terminal> {
        Terminal::attach(self.socket_at(gateway).await?, session).await
    }
}
