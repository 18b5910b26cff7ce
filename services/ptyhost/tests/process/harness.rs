//! Starts a ptyhost as a process of its own, connects to it, and waits for what tests wait for.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use termfleet_ptyhost::{
    client::{self, Connected, Event, PtyHostClient, Spawn, Welcome},
    ring::RingReader,
};
use termfleet_session::{
    ids::{ClientId, Epoch, Offset, ProjectId, SessionId, Tag, TenantId},
    limits::Size,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::TaskTracker;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const SIZE: Size = Size { cols: 80, rows: 24 };

/// A running ptyhost, ended with everything it holds when dropped.
pub(crate) struct Host {
    child: Child,
    pub(crate) dir: tempfile::TempDir,
}

impl Host {
    pub(crate) fn start() -> Self {
        Self::with(1 << 20, 60_000)
    }

    pub(crate) fn with(ring_bytes: usize, orphan_after_ms: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new(PTYHOST)
            .arg(dir.path().join("s"))
            .args([ring_bytes.to_string(), orphan_after_ms.to_string()])
            .stdin(Stdio::null())
            .env("SECRET_OF_THE_HOST", "1")
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether the process has ended, and well.
    pub(crate) fn ended(&mut self) -> Option<bool> {
        self.child.try_wait().unwrap().map(|status| status.success())
    }

    pub(crate) async fn connect(&self) -> Worker {
        let tasks = TaskTracker::new();
        let connected = eventually("the ptyhost to listen", async || {
            client::connect(&self.socket(), &tasks).await.ok()
        })
        .await;
        Worker::new(connected, &tasks)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.ended().is_some() {
            // Waited for already: its number may be another process' by now.
            return;
        }
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let ended = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()).unwrap();
        let within = Timespec { tv_sec: 5, tv_nsec: 0 };
        let mut wait = [PollFd::new(&ended, PollFlags::IN)];
        if rustix::event::poll(&mut wait, Some(&within)).unwrap() == 0 {
            self.child.kill().unwrap();
        }
        self.child.wait().unwrap();
    }
}

/// The ptyhost alone, as a program.
pub(crate) const PTYHOST: &str = env!("CARGO_BIN_EXE_ptyhost-for-tests");
/// A worker that types and waits to be killed.
pub(crate) const TYPIST: &str = env!("CARGO_BIN_EXE_typist-for-tests");

/// Asks again and again, since nobody tells, until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A worker's side: the client, and everything it was told.
pub(crate) struct Worker {
    pub(crate) client: PtyHostClient,
    pub(crate) welcome: Welcome,
    heard: Arc<Mutex<Vec<Event>>>,
    news: watch::Receiver<()>,
}

impl Worker {
    fn new(connected: Connected, tasks: &TaskTracker) -> Self {
        let Connected { client, welcome, mut events } = connected;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (tell, news) = watch::channel(());
        tasks.spawn({
            let heard = heard.clone();
            async move {
                while let Some(event) = events.recv().await {
                    heard.lock().unwrap().push(event);
                    tell.send_replace(());
                }
            }
        });
        Self { client, welcome, heard, news }
    }

    /// Waits until something is so, looking after each event.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl Fn(&[Event]) -> Option<T>) -> T {
        let mut news = self.news.clone();
        let waiting = async {
            loop {
                if let Some(answer) = ask(&self.heard.lock().unwrap()) {
                    return answer;
                }
                news.changed().await.expect("the events have ended");
            }
        };
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(answer) => answer,
            Err(_) => panic!("waited for {what}; heard {:?}", self.heard.lock().unwrap()),
        }
    }

    pub(crate) async fn spawn(&self, argv: &[&str]) -> Shell {
        self.spawn_with(spawn(argv)).await
    }

    /// Starts a shell whose output nothing holds back.
    pub(crate) async fn spawn_with(&self, spawn: Spawn) -> Shell {
        let (session, epoch) = (spawn.session.clone(), spawn.epoch);
        let spawned = self.client.spawn(spawn).await.unwrap();
        self.client.limit(&session, epoch, Offset::new(u64::MAX)).await.unwrap();
        Shell { session, epoch, pid: spawned.pid, ring: spawned.ring }
    }

    pub(crate) async fn type_in(&self, shell: &Shell, offset: u64, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.client
            .input(&shell.session, shell.epoch, &typist(1), Offset::new(offset), bytes)
            .await
            .unwrap();
    }

    /// Waits until a shell has printed a text.
    pub(crate) async fn printed(&self, shell: &Shell, text: &str) -> String {
        self.until(&format!("{text:?} to be printed"), |_| {
            let output = shell.output();
            output.contains(text).then_some(output)
        })
        .await
    }

    /// Waits for a shell's end, or is told that it came before this worker did.
    pub(crate) async fn exited_or_held(&self, shell: &Shell) -> client::Ended {
        let held = self.welcome.sessions.iter().find(|held| held.session == shell.session);
        match held.and_then(|held| held.ended) {
            Some(ended) => ended,
            None => self.exited(shell).await,
        }
    }

    /// Waits for a shell's end.
    pub(crate) async fn exited(&self, shell: &Shell) -> client::Ended {
        self.until("the shell's end", |heard| {
            heard.iter().find_map(|event| match event {
                Event::Exited { session, ended, .. } if *session == shell.session => Some(*ended),
                _ => None,
            })
        })
        .await
    }
}

/// A started shell.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) session: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) pid: u32,
    pub(crate) ring: RingReader,
}

impl Shell {
    /// All of its output that the ring holds.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.ring.capacity()).unwrap()];
        let len = self.ring.read_at(self.ring.tail(), &mut bytes).unwrap_or(0);
        bytes.truncate(len);
        bytes
    }

    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

pub(crate) fn typist(n: u8) -> ClientId {
    ClientId::new([n; 16])
}

/// A session id that no other test uses.
pub(crate) fn session() -> SessionId {
    let tenant: TenantId = "t".parse().unwrap();
    let project: ProjectId = "p".parse().unwrap();
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    SessionId::new(&Tag::of(&tenant, &project), random)
}

/// A program to start, with a plain environment.
pub(crate) fn spawn(argv: &[&str]) -> Spawn {
    let env = HashMap::from([("PATH", "/usr/bin:/bin"), ("TERM", "xterm-256color"), ("PS1", "$ ")]);
    Spawn {
        session: session(),
        epoch: Epoch::new(1),
        record: Bytes::from_static(b"notes"),
        argv: argv.iter().map(|part| (*part).to_owned()).collect(),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        cwd: "/".to_owned(),
        size: SIZE,
    }
}

/// Whether a process lives; a zombie does not.
pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}
