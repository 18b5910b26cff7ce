//! The process: which sessions it holds, which worker it serves, and when it ends.
//!
//! It serves one worker at a time; each hello makes a new generation and supersedes the one before.
//! What a worker may ask is `connection`'s business, bytes are `session`'s and `pump`'s.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::{
    fs::Mode,
    process::{Resource, Rlimit},
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Generation, Incarnation, SessionId},
    limits::REPLAY_BYTES,
};
use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    connection,
    outbox::{COMPANY, Outbox},
    proc::Mark,
    protocol::Key,
    pty,
    reap::{self, Censuses, Target},
    session::{Phase, Session},
};

/// The longest socket path that fits the kernel's `sockaddr_un`, with its NUL.
const MAX_SOCKET_PATH: usize = 107;
/// How long `dev` may be away (killed, upgraded) before its shells are ended.
const ORPHAN_AFTER: Duration = Duration::from_secs(60);
/// How long connections may take for their last words when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long not to accept after accepting failed: descriptors have run out, and some come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How to run.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where to listen: a path of at most 107 bytes, on a local file system.
    pub socket: PathBuf,
    /// Each session's ring: a power of two, at least 4096.
    pub ring_bytes: usize,
    /// How long to live on without any worker.
    pub orphan_after: Duration,
}

impl HostConfig {
    /// As in `dev`: rings of 1 MiB, 60 s without a worker.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), ring_bytes: REPLAY_BYTES, orphan_after: ORPHAN_AFTER }
    }
}

/// Why it could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket's path does not fit.
    #[error("the socket path is {len} bytes long, at most {MAX_SOCKET_PATH} fit: {path}")]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// Somebody listens there already.
    #[error("another ptyhost listens on {0}")]
    InUse(PathBuf),
    /// The rings' size is not a power of two of at least a page.
    #[error("a ring of {0} bytes is not possible: use a power of two, at least 4096")]
    RingBytes(usize),
    /// The kernel refused something.
    #[error("{doing}")]
    Io {
        /// What.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn while_doing(doing: &'static str) -> impl Fn(io::Error) -> ServeError {
    move |source| ServeError::Io { doing, source }
}

/// Everything that connections and pumps share.
pub(crate) struct Host {
    pub(crate) ring_bytes: usize,
    /// The limit of open files that this process was started with, for the shells.
    pub(crate) open_files: Rlimit,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) tasks: TaskTracker,
    pub(crate) censuses: Censuses,
    /// Cancelled when the process ends.
    pub(crate) stop: CancellationToken,
    changed: Notify,
    // Held for a few map operations, never across an await.
    state: Mutex<State>,
}

struct State {
    incarnation: Incarnation,
    generation: Generation,
    worker: Option<CancellationToken>,
    /// Since when there has been no worker.
    alone_since: Instant,
    sessions: HashMap<SessionId, Arc<Session>>,
    /// A SIGTERM has come: end as soon as nothing is held or nobody cares.
    terminating: bool,
    ending: bool,
}

/// The body of a ptyhost's process: listens, holds sessions, and returns when it has nothing more
/// to hold. It becomes a subreaper and waits for every child, so it must be its process' only
/// business; run it on a current-thread runtime, where an echo takes the shortest way.
///
/// # Errors
/// [`ServeError`] if it cannot start.
pub async fn serve(config: HostConfig) -> Result<(), ServeError> {
    if !config.ring_bytes.is_power_of_two() || config.ring_bytes < 4096 {
        return Err(ServeError::RingBytes(config.ring_bytes));
    }
    let mut signals = Signals::new().map_err(while_doing("handling signals"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|e| while_doing("becoming a subreaper")(e.into()))?;
    pty::close_inherited_on_exec().map_err(while_doing("closing inherited descriptors"))?;
    let listener = listen(&config).await?;
    let host = Arc::new(Host::new(&config));
    info!(socket = %config.socket.display(), "ptyhost ready");
    host.run(&listener, &mut signals, config.orphan_after).await;
    // First the name, so that nobody connects to a process that is about to end.
    let _ = std::fs::remove_file(&config.socket);
    host.doom();
    reap::end(&Target::Everything, || host.marks()).await;
    host.reap();
    host.stop.cancel();
    host.tasks.close();
    let _ = timeout(LAST_WORDS, host.tasks.wait()).await;
    info!("ptyhost ended");
    Ok(())
}

struct Signals {
    child: Signal,
    terminate: Signal,
    /// Kept for their handlers: the terminal of `dev` sends these to its whole process group. With
    /// a handler that does nothing, unlike with "ignore", shells start with the default.
    _unheeded: [Signal; 3],
}

impl Signals {
    fn new() -> io::Result<Self> {
        let unheeded = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()];
        let [a, b, c] = unheeded.map(signal);
        Ok(Self {
            child: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            _unheeded: [a?, b?, c?],
        })
    }
}

async fn listen(config: &HostConfig) -> Result<UnixListener, ServeError> {
    let path = &config.socket;
    let len = path.as_os_str().len();
    if len > MAX_SOCKET_PATH {
        return Err(ServeError::PathTooLong { path: path.clone(), len });
    }
    if tokio::net::UnixStream::connect(path).await.is_ok() {
        return Err(ServeError::InUse(path.clone()));
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(while_doing("removing a stale socket")(e));
        }
        _ => {}
    }
    // The socket exists from its first moment for its owner alone.
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    listener.map_err(while_doing("listening"))
}

/// Two descriptors a session pass the usual soft limit of 1024 soon; the hard one is far above.
fn raise_open_files() -> Rlimit {
    let before = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    if let Err(e) = rustix::process::setrlimit(Resource::Nofile, raised) {
        warn!(error = %e, "the limit of open files stays as it is");
    }
    before
}

pub(crate) fn new_incarnation() -> Incarnation {
    let mut random = [0; 16];
    // The kernel's generator cannot fail once the machine is up, and zeros would be told apart
    // from no other: better no ptyhost.
    getrandom::fill(&mut random).expect("the kernel gives random bytes");
    Incarnation::new(random)
}

impl Host {
    fn new(config: &HostConfig) -> Self {
        let state = State {
            incarnation: new_incarnation(),
            generation: Generation::new(0),
            worker: None,
            alone_since: Instant::now(),
            sessions: HashMap::new(),
            terminating: false,
            ending: false,
        };
        Self {
            ring_bytes: config.ring_bytes,
            open_files: raise_open_files(),
            outbox: Arc::new(Outbox::patient(COMPANY)),
            censuses: Censuses::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            changed: Notify::new(),
            state: Mutex::new(state),
        }
    }

    async fn run(
        self: &Arc<Self>,
        listener: &UnixListener,
        signals: &mut Signals,
        orphan_after: Duration,
    ) {
        while let Some(deadline) = self.lives_until(orphan_after) {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => connection::start(self.clone(), stream),
                    Err(e) => {
                        warn!(error = %e, "accepting failed");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                _ = signals.child.recv() => self.reap(),
                _ = signals.terminate.recv() => {
                    info!("SIGTERM");
                    self.lock().terminating = true;
                }
                () = self.changed.notified() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    info!("no worker came back");
                }
            }
        }
    }

    /// `None` if there is no reason to live on, else until when at most there is one.
    fn lives_until(&self, orphan_after: Duration) -> Option<Option<Instant>> {
        let state = self.lock();
        let (alone, empty) = (state.worker.is_none(), state.sessions.is_empty());
        if state.ending || (state.terminating && (alone || empty)) {
            return None;
        }
        let deadline = alone.then(|| state.alone_since + orphan_after);
        if deadline.is_some_and(|at| Instant::now() >= at) { None } else { Some(deadline) }
    }

    fn reap(&self) {
        for (pid, exit) in reap::ended_children() {
            // Anything else is an orphan that some session left to this process.
            if let Some(session) = self.shell(pid) {
                session.exited(exit);
            }
        }
    }

    /// Says that everything is about to be killed: output beyond its limit is waited for no more.
    pub(crate) fn doom(&self) {
        for session in self.sessions() {
            session.doom(true);
        }
    }

    fn shell(&self, pid: u32) -> Option<Arc<Session>> {
        let is_it =
            |session: &&Arc<Session>| session.shell.pid == pid && session.phase() == Phase::Running;
        self.lock().sessions.values().find(is_it).cloned()
    }

    /// Makes a connection the worker's, superseding the one before.
    pub(crate) fn take_over(&self, connection: CancellationToken) -> (Incarnation, Generation) {
        let mut state = self.lock();
        if let Some(before) = state.worker.replace(connection) {
            before.cancel();
        }
        state.generation = Generation::new(state.generation.get() + 1);
        drop(self.outbox.take());
        (state.incarnation.clone(), state.generation)
    }

    /// The worker's connection has ended, if it still is the worker's.
    pub(crate) fn left(&self, generation: Generation) {
        let mut state = self.lock();
        if state.generation == generation {
            state.worker = None;
            state.alone_since = Instant::now();
            self.changed.notify_one();
        }
    }

    pub(crate) fn sessions(&self) -> Vec<Arc<Session>> {
        self.lock().sessions.values().cloned().collect()
    }

    /// By what each session's processes are known.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.sessions().iter().map(|session| session.mark()).collect()
    }

    /// The session that a request is about.
    pub(crate) fn find(&self, key: &Key) -> Result<Arc<Session>, Refusal> {
        let state = self.lock();
        let session = state.sessions.get(&key.session).ok_or(Code::SessionNotFound)?;
        if session.key.epoch == key.epoch {
            Ok(session.clone())
        } else {
            Err(Refusal::new(Code::VersionConflict, "the session has another epoch")
                .current(session.key.epoch.get()))
        }
    }

    /// Whether a shell may be started under this key: the session is unknown, or its last shell
    /// has ended and had a lower epoch.
    pub(crate) fn vacant(&self, key: &Key) -> Result<(), Refusal> {
        let state = self.lock();
        let Some(held) = state.sessions.get(&key.session) else { return Ok(()) };
        let over = matches!(held.phase(), Phase::Ended(_)) && !held.wants().doomed;
        if over && held.key.epoch < key.epoch {
            return Ok(());
        }
        Err(Refusal::new(Code::SessionAlreadyExists, "the session has a shell already")
            .current(held.key.epoch.get()))
    }

    pub(crate) fn hold(&self, session: Arc<Session>) {
        self.lock().sessions.insert(session.key.session.clone(), session);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.lock().sessions.remove(&key.session);
        self.changed.notify_one();
    }

    /// Forgets every session and takes a new incarnation: their processes are dead.
    pub(crate) fn reset(&self) -> Incarnation {
        let mut state = self.lock();
        state.sessions.clear();
        state.incarnation = new_incarnation();
        self.changed.notify_one();
        state.incarnation.clone()
    }

    /// Makes `serve` return.
    pub(crate) fn end(&self) {
        self.lock().ending = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
