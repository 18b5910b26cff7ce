//! A worker that plays its sessions: each is a `cat` whose terminal echoes, and prints what a test
//! tells it to. It keeps to the contract of the link (credit, lanes, channels) and remembers what
//! it was sent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use termfleet_proto::worker_v1::{
    self as pb, WorkerFrame, gateway_frame, worker_frame::Frame, worker_server::WorkerServer,
};
use termfleet_session::code::{Code, Refusal};
use termfleet_store::MemoryStore;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;

mod play;
mod service;

type Out = mpsc::UnboundedSender<Result<WorkerFrame, Status>>;

/// The worker; clones are handles.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    created: usize,
    store: Option<Arc<MemoryStore>>,
    links: HashMap<u64, Out>,
    last_link: u64,
    shells: HashMap<String, Shell>,
    viewers: Vec<Viewer>,
    last_channel: u64,
    /// Every frame of every link, in order.
    heard: Vec<gateway_frame::Frame>,
    /// How often it was asked what it knows of a session.
    described: HashMap<String, u64>,
    /// It was told to take no new sessions.
    draining: bool,
    /// Links are refused.
    deaf: bool,
}

/// One session.
#[derive(Default)]
pub(crate) struct Shell {
    epoch: u64,
    output: Vec<u8>,
    /// Output before this is gone.
    tail: u64,
    lanes: HashMap<String, u64>,
    refuses: Option<Refusal>,
    /// Input stays in the lane unwritten.
    stuck: bool,
    /// It is neither suspended nor resumed.
    immovable: Option<Refusal>,
}

struct Viewer {
    link: u64,
    channel: u64,
    session: String,
    client: String,
    driver: bool,
    tier: i32,
    sent: u64,
    acked: u64,
}

impl Fake {
    /// Serves on a listener, with the store that the gateway has.
    pub(crate) fn serve(&self, store: Arc<MemoryStore>, listener: TcpListener) {
        self.lock().store = Some(store);
        let mut server = tonic::transport::Server::builder().tcp_nodelay(true);
        let router = server.add_service(WorkerServer::new(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A session's program prints.
    pub(crate) fn print(&self, session: &str, bytes: &[u8]) {
        let mut state = self.lock();
        state.shell(session).output.extend_from_slice(bytes);
        state.pump();
    }

    /// Everything that a session printed.
    pub(crate) fn printed(&self, session: &str) -> Vec<u8> {
        self.lock().shell(session).output.clone()
    }

    /// Old output is forgotten.
    pub(crate) fn trim(&self, session: &str, tail: u64) {
        self.lock().shell(session).tail = tail;
    }

    /// Input is refused from now on, or no longer.
    pub(crate) fn refuse_input(&self, session: &str, refusal: Option<Refusal>) {
        self.lock().shell(session).refuses = refusal;
    }

    /// The session is neither suspended nor resumed from now on, or is again.
    pub(crate) fn hold(&self, session: &str, refusal: Option<Refusal>) {
        self.lock().shell(session).immovable = refusal;
    }

    /// The PTY takes nothing more.
    pub(crate) fn stick(&self, session: &str) {
        self.lock().shell(session).stuck = true;
    }

    /// The PTY takes what comes from now on.
    pub(crate) fn loosen(&self, session: &str) {
        self.lock().shell(session).stuck = false;
    }

    /// Somebody else drives every session.
    pub(crate) fn unseat_drivers(&self) {
        let mut state = self.lock();
        for at in 0..state.viewers.len() {
            let viewer = &mut state.viewers[at];
            viewer.driver = false;
            let (link, channel) = (viewer.link, viewer.channel);
            let driver = pb::DriverChanged { driver: false, taken: true };
            let event = pb::Event { channel, kind: Some(pb::event::Kind::Driver(driver)) };
            state.send(link, Frame::Event(event));
        }
    }

    /// The shell ends.
    pub(crate) fn exit(&self, session: &str, code: i32) {
        let mut state = self.lock();
        let offset = state.shell(session).output.len() as u64;
        for (link, channel) in state.channels_of(session) {
            let exited = pb::Exited { code: Some(code), signal: None, offset };
            let event = pb::Event { channel, kind: Some(pb::event::Kind::Exited(exited)) };
            state.send(link, Frame::Event(event));
        }
    }

    /// Every attachment of a session ends.
    pub(crate) fn detach_all(&self, session: &str, code: Code, reason: &str) {
        let mut state = self.lock();
        state.detach_all(session, code, reason);
    }

    /// A viewer's backlog is replaced by a snapshot.
    pub(crate) fn lag(&self, session: &str) {
        self.skip(session, pb::Reason::Lagging);
    }

    /// A program was interrupted: what it printed until then is of no more interest.
    pub(crate) fn interrupt(&self, session: &str) {
        self.skip(session, pb::Reason::Interrupted);
    }

    fn skip(&self, session: &str, reason: pb::Reason) {
        let mut state = self.lock();
        let head = state.shell(session).output.len() as u64;
        for at in 0..state.viewers.len() {
            if state.viewers[at].session == session {
                state.snapshot(at, head, reason, b"\x1bcscreen");
            }
        }
    }

    /// A new shell, with a new channel for everybody.
    pub(crate) fn new_epoch(&self, session: &str) {
        let mut state = self.lock();
        let shell = state.shell(session);
        shell.epoch += 1;
        (shell.output, shell.lanes, shell.tail) = (Vec::new(), HashMap::new(), 0);
        for at in 0..state.viewers.len() {
            if state.viewers[at].session != session {
                continue;
            }
            state.last_channel += 1;
            let channel = state.last_channel;
            let old = std::mem::replace(&mut state.viewers[at].channel, channel);
            (state.viewers[at].sent, state.viewers[at].acked) = (0, 0);
            let frame = state.attached(at, None, Some(old), 0, pb::Reason::NewEpoch);
            let link = state.viewers[at].link;
            state.send(link, frame);
            state.snapshot(at, 0, pb::Reason::NewEpoch, b"\x1bc");
        }
    }

    /// Every link breaks; new ones are refused until [`Fake::listen`] if `deaf`.
    pub(crate) fn cut(&self, deaf: bool) {
        let mut state = self.lock();
        state.deaf = deaf;
        for (_, link) in state.links.drain() {
            let _ = link.send(Err(Status::unavailable("cut")));
        }
        state.viewers.clear();
    }

    /// Links are taken again.
    pub(crate) fn listen(&self) {
        self.lock().deaf = false;
    }

    /// Frames that were heard and fit.
    pub(crate) fn heard<T>(&self, fits: impl FnMut(&gateway_frame::Frame) -> Option<T>) -> Vec<T> {
        self.lock().heard.iter().filter_map(fits).collect()
    }

    /// The input that arrived, whether it was taken or not.
    pub(crate) fn input(&self) -> Vec<u8> {
        let data = |frame: &gateway_frame::Frame| match frame {
            gateway_frame::Frame::Input(input) => Some(input.data.clone()),
            _ => None,
        };
        self.heard(data).concat()
    }

    /// How often it was asked what it knows of a session.
    pub(crate) fn described(&self, session: &str) -> u64 {
        self.lock().described.get(session).copied().unwrap_or_default()
    }

    /// Sessions that it was asked to start.
    pub(crate) fn created(&self) -> usize {
        self.lock().created
    }

    pub(crate) fn viewers(&self) -> usize {
        self.lock().viewers.len()
    }

    /// Output that is sent and not acknowledged, at most, over all viewers.
    pub(crate) fn unacknowledged(&self) -> u64 {
        let state = self.lock();
        state.viewers.iter().map(|viewer| viewer.sent - viewer.acked).max().unwrap_or_default()
    }
}
