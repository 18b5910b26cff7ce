//! A gateway on a free port, and a client that sends whatever bytes it is told to.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use termfleet_gateway::{
    Asset, Config, Edge, Gateway, Parts,
    auth::CookieName,
    config::{self, Limits},
    hooks::NoHooks,
    scale::{Scaler, StaticPool},
    upstream::{Choosing, Upstream, WorkerEndpoint},
    ws::Site,
};
use termfleet_runtime::{About, Drain, Exporter, Metrics, Tasks, clock, logs};
use termfleet_session::{
    ids::{Epoch, Incarnation, ProjectId, SessionId, Tag, TenantId, UserId},
    limits::DEFAULT_SIZE,
    record::{Counters, Mode, Owner, Session},
    role::Role,
    state::Status,
};
use termfleet_store::{Directory, MemoryStore, Reservation};
use termfleet_token::{
    CapabilityKey, Grant, Key, Minter, ResumeKey, SigningKey, Verifier, VerifierConfig,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time,
};

/// How long anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// A valid key of a WebSocket request.
pub(crate) const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// A running gateway.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) edge: Arc<Edge>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) drain: Drain,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) exporter: Exporter,
    key: SigningKey,
}

/// How a gateway is set up.
pub(crate) struct Setup {
    pub(crate) auth: bool,
    pub(crate) site: Site,
    pub(crate) limits: Limits,
    pub(crate) workers: Vec<WorkerEndpoint>,
    pub(crate) drain_deadline: Duration,
    /// Workers are those that the store lists.
    pub(crate) watched: bool,
    pub(crate) focus: config::Focus,
    /// How often sessions are measured, and the gateway itself.
    pub(crate) sample_interval: Duration,
    pub(crate) cookie: Option<CookieName>,
    /// Who starts workers.
    pub(crate) scaler: Arc<dyn Scaler>,
    /// What it shares with other gateways.
    pub(crate) store: Arc<MemoryStore>,
}

impl Setup {
    /// Tokens are checked; pages of `https://app.example` may call.
    pub(crate) fn with_auth() -> Self {
        let site = config::site(
            vec!["terminal.example".to_owned()],
            vec!["https://app.example".to_owned()],
        );
        let (limits, drain_deadline) = (Limits::default(), config::DRAIN_DEADLINE);
        Self {
            auth: true,
            site,
            limits,
            workers: Vec::new(),
            drain_deadline,
            watched: false,
            focus: config::Focus::default(),
            cookie: None,
            scaler: Arc::new(StaticPool),
            store: Arc::new(MemoryStore::new()),
            sample_interval: config::Monitoring::default().sample_interval,
        }
    }

    /// `--no-auth`.
    pub(crate) fn without_auth() -> Self {
        Self { auth: false, site: Site::loopback(), ..Self::with_auth() }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// A worker that is named in records, at an address where nobody answers.
    pub(crate) fn with_a_dead_worker(mut self) -> Self {
        let endpoint = tonic::transport::Endpoint::from_static("http://127.0.0.1:1");
        self.workers.push(WorkerEndpoint {
            id: "worker".parse().unwrap(),
            channel: termfleet_gateway::upstream::tuned(endpoint).connect_lazy(),
        });
        self
    }

    pub(crate) async fn start(self) -> Server {
        LazyLock::force(&LOGS);
        let key = SigningKey::generate().unwrap();
        let verifier = VerifierConfig::new(vec![Key::hs256(None, &key).unwrap()]);
        let (drain, tasks) = (Drain::new(), Tasks::new());
        let store = self.store;
        let capabilities = CapabilityKey::generate().unwrap();
        let mut config = Config::new("test", "1.2.3", self.site);
        config.limits = self.limits;
        config.drain_deadline = self.drain_deadline;
        config.focus = self.focus;
        config.monitoring.sample_interval = self.sample_interval;
        config.cookie = self.cookie;
        config.proxies = vec!["127.0.0.9".parse().unwrap()];
        let parts = Parts {
            config,
            verifier: self.auth.then(|| Verifier::new(verifier).unwrap()),
            directory: store.clone(),
            bus: store.clone(),
            tickets: store.clone(),
            messages: store.clone(),
            rates: store.clone(),
            sockets: store.clone(),
            sweeps: store.clone(),
            resume: ResumeKey::generate().unwrap(),
            hooks: Arc::new(NoHooks),
            focus: store.clone(),
            upstream: if self.watched {
                Upstream::watch(store.clone(), Choosing::default(), capabilities, &tasks, &drain)
            } else {
                Upstream::start(self.workers, capabilities, &tasks, &drain)
            },
            scaler: self.scaler,
            pages: Arc::new(site),
            drain: drain.clone(),
        };
        let mut metrics = Metrics::new(About { service: "gateway", version: "1.2.3" });
        let gateway = Gateway::new(parts, metrics.part("gateway"));
        let edge = gateway.edge().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(gateway.serve(vec![listener]));
        Server { address, edge, store, drain, serving, exporter: metrics.export(), key }
    }
}

fn site(path: &str) -> Option<Asset> {
    let (content_type, hashed) = match path {
        "index.html" => ("text/html; charset=utf-8", false),
        "assets/app-1a2b.js" => ("text/javascript", true),
        _ => return None,
    };
    let bytes = Bytes::from_static(b"<!doctype html>");
    Some(Asset { bytes, content_type: content_type.into(), hashed })
}

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Status and code of a problem, whose shape is checked on the way.
    pub(crate) fn problem(&self) -> (u16, u64) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status, "{json}");
        assert_eq!((&json["success"], &json["error"]), (&false.into(), &json["detail"]), "{json}");
        assert!(json["type"].as_str().unwrap().starts_with("urn:termfleet:error:"), "{json}");
        (self.status, json["code"].as_u64().unwrap())
    }
}

/// A request that is spelled as usual.
#[derive(Clone)]
pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
        Self { head, body: Vec::new() }
    }

    /// A good upgrade.
    pub(crate) fn upgrade(target: &str) -> Self {
        Self::new("GET", target)
            .with("Connection", "Upgrade")
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", KEY)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        let kept = self.head.lines().filter(|line| !line.starts_with(&format!("{name}:")));
        self.head = kept.map(|line| format!("{line}\r\n")).collect();
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &str) -> Self {
        let length = body.len().to_string();
        let mut request =
            self.with("Content-Type", "application/json").with("Content-Length", &length);
        request.body = body.into();
        request
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        // Upgrades say what their connection is for; the others that it ends.
        let close = if self.head.contains("Connection:") { "" } else { "Connection: close\r\n" };
        [self.head.as_bytes(), close.as_bytes(), b"\r\n", &self.body].concat()
    }
}

impl Server {
    pub(crate) async fn send(&self, request: Request) -> Answer {
        self.send_bytes(&request.bytes()).await
    }

    /// Sends anything, and reads to the end of the connection, or of the head of a 101.
    pub(crate) async fn send_bytes(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may answer and stop reading before everything is sent.
        let _ = stream.write_all(bytes).await;
        Answer::parse(&read(&mut stream).await)
    }

    /// Sends an upgrade and keeps what it is answered on open.
    pub(crate) async fn open(&self, request: Request) -> (TcpStream, Answer) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&request.bytes()).await.unwrap();
        let answer = Answer::parse(&read(&mut stream).await);
        (stream, answer)
    }

    pub(crate) async fn get(&self, target: &str, token: &str) -> Answer {
        self.send(Request::new("GET", target).bearer(token)).await
    }

    pub(crate) fn token(&self, user: &str, tenant: Option<&str>, role: Role) -> String {
        self.token_for(user, tenant, role, 0, 600)
    }

    pub(crate) fn token_for(
        &self,
        user: &str,
        tenant: Option<&str>,
        role: Role,
        age: i64,
        seconds: i64,
    ) -> String {
        let tenant = tenant.map(|tenant| tenant.parse().unwrap());
        let grant = Grant { user: user.parse().unwrap(), tenant, role };
        Minter::new(self.key.clone()).mint(&grant, clock::now_unix() - age, seconds).unwrap()
    }

    pub(crate) fn minter(&self) -> Minter {
        Minter::new(self.key.clone())
    }

    /// A session in the store, as a worker would have committed it.
    pub(crate) async fn session(&self, tenant: &str, user: &str, project: &str) -> Session {
        self.session_as(tenant, user, project, None).await
    }

    pub(crate) async fn session_as(
        &self,
        tenant: &str,
        user: &str,
        project: &str,
        alias: Option<&str>,
    ) -> Session {
        let tenant: TenantId = tenant.parse().unwrap();
        let user: UserId = user.parse().unwrap();
        let project: ProjectId = project.parse().unwrap();
        let mut random = [0; 16];
        getrandom::fill(&mut random).unwrap();
        let id = SessionId::new(&Tag::of(&tenant, &project), random);
        let alias: Option<termfleet_session::ids::Alias> = alias.map(|a| a.parse().unwrap());
        let reservation = Reservation {
            id: id.clone(),
            tenant: tenant.clone(),
            project: project.clone(),
            user: user.clone(),
            alias: alias.clone(),
            limits: termfleet_store::Limits::default(),
        };
        self.store.reserve(&reservation).await.unwrap();
        let now = jiff::Timestamp::now();
        let session = Session {
            id,
            tenant,
            project,
            user,
            alias,
            owner: Some(owner()),
            epoch: Epoch::new(1),
            status: Status::Active,
            mode: Mode::Normal,
            tab_name: "bash".to_owned(),
            layout: None,
            theme: None,
            labels: Default::default(),
            shell: "/bin/bash".to_owned(),
            current_path: "/tmp".to_owned(),
            environment: Default::default(),
            size: DEFAULT_SIZE,
            process_id: Some(7),
            created_at: now,
            updated_at: now,
            last_activity_at: now,
            suspended_at: None,
            counters: Counters::default(),
            exit: None,
            ended_by: None,
        };
        self.store.commit(session).await.unwrap()
    }

    pub(crate) fn metrics(&self) -> String {
        self.exporter.text().unwrap()
    }
}

/// The owner of every session here.
pub(crate) fn owner() -> Owner {
    Owner { worker: "worker".parse().unwrap(), incarnation: Incarnation::new([7; 16]) }
}

/// Everything up to the end of the connection, or of an answer on one that stays open: a 101, or a
/// body whose length is told.
pub(crate) async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reading = async {
        let mut part = [0; 16 << 10];
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            bytes.extend_from_slice(&part[..read]);
            if is_whole(&bytes) {
                return;
            }
        }
    };
    time::timeout(DEADLINE, reading).await.expect("the connection did not end");
    bytes
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let answer = Answer::parse(bytes);
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    answer.status == 101 || length.is_some_and(|length: usize| bytes.len() >= end + 4 + length)
}

/// Everything that this process logged so far.
pub(crate) fn logged() -> String {
    let bytes = LOGS.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).unwrap()
}

static LOGS: LazyLock<Logs> = LazyLock::new(|| {
    let logs = Logs::default();
    let writer = logs.clone();
    let subscriber = logs::subscriber("trace", true, move || writer.clone()).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    logs
});

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
