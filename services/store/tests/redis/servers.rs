//! Real Redis servers for tests: on free ports of loopback, in directories of their own, and gone
//! when the test's process is, however it ends.
//!
//! Each server is a child of a small shell that waits for the end of its standard input, which this
//! process holds; so nothing needs to be cleaned up by hand, also after a SIGKILL.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, FromRedisValue, aio::MultiplexedConnection};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{self, Instant};

/// Longer than anything here takes on a busy machine: a test that waits for it has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// Starts a server, and ends it with its shell.
const SHELL: &str = r#"
    "$@" >log 2>&1 &
    pid=$!
    echo "$pid"
    read -r _
    kill -KILL "$pid" 2>/dev/null
"#;

/// One running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    args: Vec<String>,
    dir: TempDir,
    process: Option<Process>,
}

struct Process {
    pid: Pid,
    shell: Child,
    // Its end ends the server.
    stdin: Option<ChildStdin>,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.shell.wait();
    }
}

impl Server {
    /// A server with these settings, each `--name value`, ready to answer.
    pub(crate) async fn start(settings: &str) -> Self {
        let mut server = Self::prepared(free_port(), settings);
        server.resume().await;
        server
    }

    /// A server of this port, not started yet.
    fn prepared(port: u16, settings: &str) -> Self {
        let fixed = format!("--port {port} --bind 127.0.0.1 --save  --appendonly no");
        let words = fixed.split(' ').chain(settings.split_whitespace());
        let args = words.map(str::to_owned).collect();
        Self { port, args, dir: tempfile::tempdir().unwrap(), process: None }
    }

    fn sentinel(master: u16) -> Self {
        let server = Self::prepared(free_port(), "");
        let port = server.port;
        let file = server.dir.path().join("sentinel.conf");
        let lines = [
            format!("port {port}"),
            "bind 127.0.0.1".into(),
            format!("sentinel monitor main 127.0.0.1 {master} 2"),
            "sentinel down-after-milliseconds main 1000".into(),
            "sentinel failover-timeout main 5000".into(),
        ];
        std::fs::write(&file, lines.join("\n")).unwrap();
        Self { args: vec![file.to_str().unwrap().into(), "--sentinel".into()], ..server }
    }

    /// Starts it, or starts it again on the same port with what it kept in its directory.
    pub(crate) async fn resume(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it without waiting until it answers.
    pub(crate) fn spawn(&mut self) {
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh", "redis-server"])
            .args(&self.args)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        let stdin = shell.stdin.take();
        self.process = Some(Process { pid, shell, stdin });
    }

    async fn ready(&self) {
        let what = format!("redis-server on port {} ({})", self.port, self.log());
        let answers = async || match self.try_ask::<String>("PING").await {
            Ok(_) => true,
            // One that asks for a password is there too.
            Err(error) => error.to_string().contains("NOAUTH"),
        };
        until(&what, answers).await;
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.process = None;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process.as_ref().unwrap().pid, signal).unwrap();
    }

    /// A file in its directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends one command, its words parted by spaces.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        self.try_ask(command).await.unwrap()
    }

    pub(crate) async fn try_ask<T: FromRedisValue>(&self, command: &str) -> redis::RedisResult<T> {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            asked.arg(word);
        });
        asked.query_async(&mut self.connection().await?).await
    }

    pub(crate) async fn connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        // Tests make servers slow: they wait as long as it takes.
        let patient = AsyncConnectionConfig::new().set_response_timeout(Some(DEADLINE));
        let client = Client::open(self.url())?;
        client.get_multiplexed_async_connection_with_config(&patient).await
    }

    /// One field of an answer of INFO.
    pub(crate) async fn info(&self, field: &str) -> String {
        let text: String = self.try_ask("INFO").await.unwrap_or_default();
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| *name == field).map(|(_, value)| value.into()).unwrap_or_default()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }
}

/// A master, two replicas of it, and three sentinels that watch over them.
pub(crate) struct Watched {
    pub(crate) servers: Vec<Server>,
    pub(crate) sentinels: Vec<Server>,
}

impl Watched {
    pub(crate) async fn start() -> Self {
        let settings = "--min-replicas-to-write 1 --min-replicas-max-lag 2 \
                        --repl-diskless-sync-delay 0 --repl-diskless-load swapdb --appendonly yes";
        let master = Server::start(settings).await;
        let follow = format!("{settings} --replicaof 127.0.0.1 {}", master.port);
        let mut servers = vec![master];
        for _ in 0..2 {
            servers.push(Server::start(&follow).await);
        }
        until("two good replicas", async || servers[0].info("min_slaves_good_slaves").await == "2")
            .await;
        let mut sentinels: Vec<_> = (0..3).map(|_| Server::sentinel(servers[0].port)).collect();
        for sentinel in &mut sentinels {
            sentinel.resume().await;
        }
        for sentinel in &sentinels {
            let sees = "status=ok,address=";
            until("sentinels that know each other", async || {
                let known = sentinel.info("master0").await;
                known.contains(sees) && known.contains("slaves=2,sentinels=3")
            })
            .await;
        }
        Self { servers, sentinels }
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> =
            self.sentinels.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }
}

/// A cluster of three masters.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

/// The slots of each of three masters.
const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

impl Cluster {
    pub(crate) async fn start() -> Self {
        let mut nodes = Vec::new();
        for (first, last) in SLOTS {
            let settings = "--cluster-enabled yes --cluster-node-timeout 2000 --cluster-port";
            let node = Server::start(&format!("{settings} {}", free_port())).await;
            node.ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {first} {last}")).await;
            nodes.push(node);
        }
        for node in &nodes[1..] {
            let bus: Vec<String> = node.ask("CONFIG GET cluster-port").await;
            let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", node.port, bus[1]);
            nodes[0].ask::<()>(&meet).await;
        }
        for node in &nodes {
            until("a cluster that is whole", async || {
                let state: String = node.ask("CLUSTER INFO").await;
                state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Self { nodes }
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}

impl Cluster {
    /// Moves every slot of one node that holds keys to another, keys and all.
    pub(crate) async fn move_slots(&self, from: usize, to: usize) {
        let (from, to) = (&self.nodes[from], &self.nodes[to]);
        let (from_id, to_id) =
            (from.ask::<String>("CLUSTER MYID").await, to.ask::<String>("CLUSTER MYID").await);
        let mut slots = HashSet::new();
        for key in from.ask::<Vec<String>>("KEYS *").await {
            slots.insert(from.ask::<u16>(&format!("CLUSTER KEYSLOT {key}")).await);
        }
        for slot in slots {
            to.ask::<()>(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")).await;
            from.ask::<()>(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")).await;
            let keys: Vec<String> = from.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 1000")).await;
            if !keys.is_empty() {
                // The two spaces stand for no single key: they are listed behind KEYS.
                let keys = keys.join(" ");
                from.ask::<()>(&format!("MIGRATE 127.0.0.1 {}  0 5000 KEYS {keys}", to.port)).await;
            }
            for node in [to, from] {
                node.ask::<()>(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).await;
            }
        }
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        time::sleep(LOOK).await;
    }
}

/// A port that nobody listens on, below those that the system gives to connections.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_default();
    // Test processes that run side by side begin at different ports.
    let start = u16::try_from(std::process::id() % 1_000).unwrap() * 20;
    loop {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
}
