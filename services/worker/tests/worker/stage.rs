//! A ptyhost process, a store, and worker processes over them: each on a runtime of its own, so
//! that one can be ended between any two instructions, as `kill -9` does.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use termfleet_proto::worker_v1 as pb;
use termfleet_ptyhost::client;
use termfleet_runtime::{Drain, Exporter, Metrics, Tasks, admin::About, clock};
use termfleet_session::{
    ids::{SessionId, Tag, TenantId},
    record::Session,
    role::{Actor, Role},
};
use termfleet_store::{Bus, Directory, Limits, MemoryStore, Reservation};
use termfleet_token::CapabilityKey;
use termfleet_worker::{Config, Parts, ProjectRoots, Shells, Worker, config};
use tokio::{net::UnixListener, runtime::Runtime, time::Instant};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::task::TaskTracker;
use tonic::Status;

use crate::gateway::Gateway;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    host: Child,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) key: CapabilityKey,
    pub(crate) capacity: usize,
    assert_every: Duration,
    workers: u32,
    shift: Option<Shift>,
}

/// One worker process' life.
pub(crate) struct Shift {
    runtime: Option<Runtime>,
    pub(crate) worker: Worker,
    exporter: Exporter,
    drain: Drain,
    socket: PathBuf,
}

impl Drop for Shift {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Stage {
    /// A ptyhost and a worker on it.
    pub(crate) async fn new() -> Self {
        Self::with_capacity(100).await
    }

    pub(crate) async fn with_capacity(capacity: usize) -> Self {
        Self::with(capacity, Duration::from_millis(200)).await
    }

    /// As new, but the worker looks after its sessions every ten seconds, as it does elsewhere.
    pub(crate) async fn unhurried() -> Self {
        Self::with(100, Duration::from_secs(600)).await
    }

    async fn with(capacity: usize, assert_every: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Command::new(env!("CARGO_BIN_EXE_ptyhost-for-worker-tests"))
            .arg(dir.path().join("p"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let key = CapabilityKey::generate().unwrap();
        let store = Arc::new(MemoryStore::new());
        let (workers, shift) = (0, None);
        let mut stage = Self { host, dir, store, key, capacity, assert_every, workers, shift };
        stage.start_worker().await;
        stage
    }

    /// Starts another worker process on the same ptyhost, which supersedes the one before; answers
    /// that one, which lives as long as the answer.
    pub(crate) async fn start_worker(&mut self) -> Option<Shift> {
        self.workers += 1;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let socket = self.dir.path().join(format!("w{}", self.workers));
        let (config, key, store) = (self.config(), self.key.check(), self.store.clone());
        let (host, listen, drain) = (self.dir.path().join("p"), socket.clone(), Drain::new());
        let drains = drain.clone();
        let starting = runtime.spawn(async move {
            let ptyhost = connect(&host).await;
            let tasks = Tasks::new();
            let about = About { service: "worker", version: "0" };
            let parts = Parts {
                config,
                ptyhost,
                losses: store.losses(),
                directory: store,
                capabilities: key,
                tasks: tasks.clone(),
                drain: drains,
            };
            let mut metrics = Metrics::new(about);
            let worker = Worker::start(parts, metrics.part("worker")).await;
            let incoming = UnixListenerStream::new(UnixListener::bind(listen).unwrap());
            let serving = worker.clone();
            tasks.spawn("serve", async move { serving.serve(incoming).await.unwrap() });
            (worker, metrics.export())
        });
        let (worker, exporter) = starting.await.unwrap();
        self.shift.replace(Shift { runtime: Some(runtime), worker, exporter, drain, socket })
    }

    /// The worker process is gone, without a word.
    pub(crate) fn kill_worker(&mut self) {
        self.shift = None;
    }

    /// A metric of the present worker, by its name and labels; none if it is absent.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.shift.as_ref().unwrap().exporter.text().unwrap();
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        // A metric that may be absent has braces, and nothing in them.
        let found = lines.into_iter().find(|(id, _)| id.trim_end_matches("{}") == name)?;
        Some(found.1.parse().unwrap())
    }

    /// The store has lost everything, as in `dev` when it starts again.
    pub(crate) fn lose_store(&mut self) {
        self.store = Arc::new(MemoryStore::new());
    }

    pub(crate) fn kill_ptyhost(&mut self) {
        self.host.kill().unwrap();
        self.host.wait().unwrap();
    }

    fn config(&self) -> Config {
        let home = self.dir.path().to_str().unwrap().to_owned();
        let inherited = [
            ("HOME".to_owned(), home),
            ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("SECRET".to_owned(), "not for shells".to_owned()),
        ];
        Config {
            worker: "w1".parse().unwrap(),
            shells: Shells::new("/bin/sh", ["/bin/bash", "/bin/false", "/no/such/shell"]),
            claude: vec!["/bin/cat".into()],
            roots: ProjectRoots::new(self.dir.path().join("projects")),
            environment: config::base_environment(inherited),
            capacity: self.capacity,
            assert_every: self.assert_every,
            metrics_interval: Duration::from_millis(100),
        }
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.shift.as_ref().unwrap().worker
    }

    pub(crate) fn drain(&self) {
        self.shift.as_ref().unwrap().drain.trigger();
    }

    /// A link to the present worker.
    pub(crate) async fn gateway(&self) -> Gateway {
        let socket = &self.shift.as_ref().unwrap().socket;
        Gateway::connect(socket, self.key.clone()).await
    }

    /// A gateway that attaches to a session and then reads nothing at all. It lasts as long as what
    /// this answers.
    pub(crate) async fn deaf(&self, session: &Session) -> impl Sized {
        let socket = &self.shift.as_ref().unwrap().socket;
        Gateway::deaf(socket, self.key.clone(), session).await
    }

    /// A reserved session with the request that creates it.
    pub(crate) async fn reserved(&self, actor: &Actor) -> pb::CreateRequest {
        let id = new_id(&actor.tenant);
        let reservation = Reservation {
            id: id.clone(),
            tenant: actor.tenant.clone(),
            project: "web".parse().unwrap(),
            user: actor.user.clone(),
            alias: None,
            limits: Limits { per_project: 1_000, per_user: 1_000 },
        };
        self.store.reserve(&reservation).await.unwrap();
        self.request(&id, actor)
    }

    pub(crate) fn request(&self, id: &SessionId, actor: &Actor) -> pb::CreateRequest {
        pb::CreateRequest {
            session: id.to_string(),
            actor: Some(actor.into()),
            capability: self.key.mint(id, actor, clock::now_unix()).unwrap(),
            project: "web".into(),
            mode: "normal".into(),
            size: Some(pb::Size { cols: 80, rows: 24 }),
            reserved_at_ms: clock::now_ms(),
            ..pb::CreateRequest::default()
        }
    }

    /// A session of ann's, with changes to its request.
    pub(crate) async fn create_with(
        &self,
        change: impl FnOnce(&mut pb::CreateRequest),
    ) -> Result<Session, Status> {
        let mut request = self.reserved(&ann()).await;
        change(&mut request);
        let mut client = self.gateway().await.client;
        let response = client.create(request).await?.into_inner();
        Ok(response.record.unwrap().try_into().unwrap())
    }

    /// A shell of ann's.
    pub(crate) async fn create(&self) -> Session {
        self.create_with(|_| {}).await.unwrap()
    }

    /// The record in the store, as soon as it is as asked.
    pub(crate) async fn record(&self, id: &SessionId, is: impl Fn(&Session) -> bool) -> Session {
        eventually("the record to be as asked", async || {
            self.store.get(id).await.unwrap().filter(&is)
        })
        .await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shift = None;
        if self.host.try_wait().unwrap().is_none() {
            // It ends its shells, then itself.
            let pid = self.host.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().unwrap();
            self.host.wait().unwrap();
        }
    }
}

/// The same as `eventually`, spelled out: the task it runs in moves between threads.
async fn connect(socket: &std::path::Path) -> client::Connected {
    let (tasks, started) = (TaskTracker::new(), Instant::now());
    loop {
        match client::connect(socket, &tasks).await {
            Ok(connected) => return connected,
            Err(error) => assert!(started.elapsed() < DEADLINE, "no ptyhost: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn ann() -> Actor {
    actor("ann", Role::User)
}

pub(crate) fn actor(user: &str, role: Role) -> Actor {
    Actor { user: user.parse().unwrap(), tenant: "acme".parse().unwrap(), role }
}

pub(crate) fn new_id(tenant: &TenantId) -> SessionId {
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    SessionId::new(&Tag::of(tenant, &"web".parse().unwrap()), random)
}

/// Asks again and again, since nobody tells, until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
