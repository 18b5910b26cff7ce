//! Opening connections: to the server that an address means today.
//!
//! Every connection has TCP_NODELAY (a script is one small packet that somebody waits for), speaks
//! RESP3 (so that the server can push, and the library tells when the connection ends) and has
//! explicit timeouts.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError, RedisResult,
    TlsCertificates, aio::MultiplexedConnection, cluster::ClusterClient,
    cluster_async::ClusterConnection, io::tcp::TcpSettings,
};

use super::address::{Address, Host, Topology};

/// How long a connection may take: a server of the same site answers in a few ms, and one that is
/// not there is better noticed soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer may take. Scripts take microseconds; this is what a fork or a slow disk may
/// cost, and less than a client waits. (The library's own 500 ms would fail calls in such moments.)
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the cluster client follows a redirection or waits for a slot within one call, and the
/// bounds of those waits; all of it within the answer's time.
const CLUSTER_RETRIES: u32 = 5;
const CLUSTER_MIN_WAIT_MS: u64 = 20;
const CLUSTER_MAX_WAIT_MS: u64 = 300;

/// What servers are shown and shown by, for `rediss` addresses. Without any of it the system's
/// authorities are trusted and no certificate is shown.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates of the authorities to trust, as PEM, instead of the system's.
    pub authorities: Option<Vec<u8>>,
    /// Our certificate and its key, as PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    fn certificates(&self) -> TlsCertificates {
        let identity = self.identity.clone();
        TlsCertificates {
            client_tls: identity
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
            root_cert: self.authorities.clone(),
        }
    }
}

/// Where and how to connect.
pub(super) struct Dialer {
    address: Address,
    tls: Tls,
}

impl Dialer {
    pub(super) fn new(address: Address, tls: Tls) -> Self {
        if address.tls {
            // The redis crate takes the process' cryptography; the house has one. Whoever installed
            // it before us installed the same.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        Self { address, tls }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection to the one server that takes writes, and which that is; not for clusters.
    pub(super) async fn master(
        &self,
        push: impl Push,
    ) -> RedisResult<(Host, MultiplexedConnection)> {
        let host = match &self.address.topology {
            Topology::Single(host) => host.clone(),
            Topology::Sentinel { sentinels, master } => self.ask(sentinels, master).await?,
            Topology::Cluster(hosts) => hosts[0].clone(),
        };
        let connection = self.to(&host, push).await?;
        Ok((host, connection))
    }

    /// A connection for subscriptions. In a cluster every node hears every publication, so any node
    /// that answers will do: the one with this number first, then those after it.
    pub(super) async fn listener(
        &self,
        first: usize,
        push: impl Push + Clone,
    ) -> RedisResult<MultiplexedConnection> {
        let Topology::Cluster(hosts) = &self.address.topology else {
            return Ok(self.master(push).await?.1);
        };
        let mut failure = nobody();
        for host in hosts.iter().cycle().skip(first % hosts.len()).take(hosts.len()) {
            match self.to(host, push.clone()).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The cluster.
    pub(super) async fn cluster(&self, hosts: &[Host]) -> RedisResult<ClusterConnection> {
        let nodes: RedisResult<Vec<_>> = hosts.iter().map(|host| self.info(host, true)).collect();
        let mut builder = ClusterClient::builder(nodes?)
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(TcpSettings::default().set_nodelay(true))
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .retries(CLUSTER_RETRIES)
            .min_retry_wait(CLUSTER_MIN_WAIT_MS)
            .max_retry_wait(CLUSTER_MAX_WAIT_MS);
        if self.address.tls {
            builder = builder.certs(self.tls.certificates());
        }
        builder.build()?.get_async_connection().await
    }

    /// Who the master is, by the first sentinel that knows.
    async fn ask(&self, sentinels: &[Host], master: &str) -> RedisResult<Host> {
        let mut failure = nobody();
        for sentinel in sentinels {
            match self.ask_one(sentinel, master).await {
                Ok(Some(host)) => return Ok(host),
                Ok(None) => {
                    let kind = ErrorKind::MasterNameNotFoundBySentinel;
                    failure = (kind, "no such master", master.to_owned()).into();
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn ask_one(&self, sentinel: &Host, master: &str) -> RedisResult<Option<Host>> {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
        let ask = async |signed_in| {
            let mut connection = self.open(self.info(sentinel, signed_in)?, config()).await?;
            command.query_async::<Option<(String, u16)>>(&mut connection).await
        };
        let answer = match ask(false).await {
            Err(error) if self.address.password.is_some() && refuses_us(&error) => ask(true).await,
            answer => answer,
        };
        Ok(answer?.map(|(name, port)| Host { name, port }))
    }

    async fn to(&self, host: &Host, push: impl Push) -> RedisResult<MultiplexedConnection> {
        self.open(self.info(host, true)?, config().set_push_sender(push)).await
    }

    async fn open(
        &self,
        info: ConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let client = if self.address.tls {
            Client::build_with_tls(info, self.tls.certificates())?
        } else {
            Client::open(info)?
        };
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn info(&self, host: &Host, signed_in: bool) -> RedisResult<ConnectionInfo> {
        let Host { name, port } = host.clone();
        let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if signed_in {
            settings = settings.set_db(self.address.db);
            if let Some(user) = &self.address.user {
                settings = settings.set_username(user);
            }
            if let Some(password) = &self.address.password {
                settings = settings.set_password(password);
            }
        }
        let address = if self.address.tls {
            ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(name, port)
        };
        let info = address.into_connection_info()?.set_redis_settings(settings);
        Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
    }
}

/// Takes what a server pushes. It must not wait.
pub(super) trait Push: Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {}

impl<F: Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static> Push for F {}

/// Did the server not accept who we say we are?
pub(super) fn refuses_us(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
        || error.to_string().contains("AUTH")
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

fn nobody() -> RedisError {
    (ErrorKind::Io, "no host to ask").into()
}
