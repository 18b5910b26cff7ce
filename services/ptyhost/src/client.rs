//! The worker's half of the socket protocol: what a worker asks a ptyhost, and what it hears.
//!
//! How frames move is `link`'s business. Rings are read in place (`ring::RingReader`), without a
//! word on the socket but the news of a new head.

mod link;
mod requests;

use std::{collections::VecDeque, io, path::Path, sync::Arc};

use bytes::Bytes;
use termfleet_session::{
    code::Code,
    ids::{ClientId, Epoch, Generation, Incarnation, Offset, SessionId},
    input::Marks,
    limits::Size,
};
use tokio_util::task::TaskTracker;

pub use self::requests::PtyHostClient;
pub use crate::protocol::{Ended, LaneMarks, Reading, SignalTarget, SizeAt, SpawnStep, Stat};
use crate::{
    protocol::{Key, Notice},
    ring::RingReader,
};

/// Connects to a ptyhost, takes it over from whatever worker it had, and learns what it holds.
/// Two tasks serve the connection; they end with it, or when every clone of the client is dropped.
///
/// # Errors
/// [`ConnectError`] if nobody listens there or the other end is not a ptyhost that we understand.
pub async fn connect(path: &Path, tasks: &TaskTracker) -> Result<Connected, ConnectError> {
    let (link, welcome) = link::open(path, tasks).await?;
    let events = Events { link: link.inner(), ready: VecDeque::new(), over: false };
    Ok(Connected { client: PtyHostClient { link: Arc::new(link) }, welcome, events })
}

/// A connection to a ptyhost.
#[derive(Debug)]
pub struct Connected {
    /// For asking.
    pub client: PtyHostClient,
    /// What the ptyhost holds.
    pub welcome: Welcome,
    /// For hearing.
    pub events: Events,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The socket failed: nobody listens, or it broke.
    #[error("no connection to the ptyhost")]
    Io(#[from] io::Error),
    /// The ptyhost is of a version that this one does not understand.
    #[error("the ptyhost speaks layout {known}, not {}", crate::ring::LAYOUT)]
    UnknownLayout {
        /// Which layout it speaks.
        known: u64,
    },
}

/// What a ptyhost tells a new worker.
#[derive(Debug)]
pub struct Welcome {
    /// The life of this ptyhost.
    pub incarnation: Incarnation,
    /// Which of its workers we are.
    pub generation: Generation,
    /// Its process.
    pub pid: u32,
    /// The size of its rings.
    pub ring_bytes: u64,
    /// What it holds.
    pub sessions: Vec<HeldSession>,
}

/// A session that a ptyhost holds.
#[derive(Debug)]
pub struct HeldSession {
    /// The session.
    pub session: SessionId,
    /// The epoch of its shell.
    pub epoch: Epoch,
    /// Its shell's process.
    pub pid: u32,
    /// What the worker noted about it.
    pub record: Bytes,
    /// Its newest output.
    pub ring: RingReader,
    /// How far output is read.
    pub limit: Offset,
    /// How far each client's input has come; that they had viewers is forgotten.
    pub lanes: Vec<LaneMarks>,
    /// When its size changed, oldest first; the first one holds at the ring's tail.
    pub sizes: Vec<SizeAt>,
    /// How its shell ended, if it has: it stays until it is forgotten.
    pub ended: Option<Ended>,
}

/// A shell to start.
#[derive(Debug, Clone)]
pub struct Spawn {
    /// The session.
    pub session: SessionId,
    /// Its epoch: higher than that of its last shell.
    pub epoch: Epoch,
    /// The worker's notes, at most 16 KiB.
    pub record: Bytes,
    /// The program and its arguments; looked for in the `PATH` of `env` if it holds no slash.
    pub argv: Vec<String>,
    /// Its whole environment, to which only `TERMFLEET_SESSION_ID` is added.
    pub env: Vec<(String, String)>,
    /// Where it starts.
    pub cwd: String,
    /// The terminal's size.
    pub size: Size,
}

/// A shell that was started.
#[derive(Debug)]
pub struct Spawned {
    /// Its process.
    pub pid: u32,
    /// Its output.
    pub ring: RingReader,
}

/// A screen that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The offset at which it was the screen.
    pub offset: Offset,
    /// What the worker gave.
    pub bytes: Bytes,
}

/// The connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the ptyhost has ended")]
pub struct Gone;

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The connection has ended; whether it was done is unknown.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The shell could not be started.
    #[error("spawn failed at {step:?}: {}", io::Error::from_raw_os_error(*errno))]
    SpawnFailed {
        /// At what.
        step: SpawnStep,
        /// The kernel's word.
        errno: i32,
    },
    /// The ptyhost said no.
    #[error("{}: {text}", code.name())]
    Refused {
        /// Why.
        code: Code,
        /// Why, in words that a client may read.
        text: String,
        /// The value (an epoch) that would have been right.
        current: Option<u64>,
    },
}

impl Refused {
    /// What a client is told.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Gone(_) => Code::ServiceUnavailable,
            Self::SpawnFailed { step: SpawnStep::Cwd, .. } => Code::PathNotFound,
            Self::SpawnFailed { step: SpawnStep::Program, .. } => Code::ProcessSpawnFailed,
            Self::SpawnFailed { step: SpawnStep::Pty, .. } => Code::ResourceExhausted,
            Self::Refused { code, .. } => *code,
        }
    }
}

/// What a ptyhost says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// New output. It may name a session whose [`PtyHostClient::spawn`] is about to return.
    Heads(Vec<(SessionId, Epoch, Offset)>),
    /// Input was written, or was known already.
    InputDone {
        /// The session.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// Whose input.
        client: ClientId,
        /// How far it has come.
        marks: Marks,
    },
    /// Input moved nothing. Told once, until something is accepted again.
    InputRefused {
        /// The session.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// Whose input.
        client: ClientId,
        /// Why.
        code: Code,
        /// From where input is taken.
        expected: Offset,
    },
    /// A shell has ended, and its last byte is in the ring.
    Exited {
        /// The session.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// How, and where its output ends.
        ended: Ended,
    },
    /// A newer worker has taken over: end, touching nothing. The last event.
    Superseded,
    /// The connection has ended for another reason. The last event.
    Gone,
}

/// What a ptyhost says by itself, merged by what it is about while nobody listens.
#[derive(Debug)]
pub struct Events {
    link: Arc<link::Inner>,
    ready: VecDeque<Event>,
    over: bool,
}

impl Events {
    /// The next event; `None` behind the last one. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.over |= event == Event::Superseded;
                return Some(event);
            }
            if self.over {
                return None;
            }
            let ended = tokio::select! {
                biased;
                () = self.link.outbox.wait() => false,
                () = self.link.ended.cancelled() => true,
            };
            self.ready.extend(self.link.outbox.take().into_iter().map(Event::from));
            if ended && self.ready.is_empty() {
                self.over = true;
                return Some(Event::Gone);
            }
        }
    }
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Heads(heads) => Self::Heads(
                heads.into_iter().map(|(key, head)| (key.session, key.epoch, head)).collect(),
            ),
            Notice::InputDone { key: Key { session, epoch }, client, marks } => {
                Self::InputDone { session, epoch, client, marks }
            }
            Notice::InputRefused { key: Key { session, epoch }, client, code, expected } => {
                Self::InputRefused { session, epoch, client, code, expected }
            }
            Notice::Exited { key: Key { session, epoch }, ended } => {
                Self::Exited { session, epoch, ended }
            }
            Notice::Superseded => Self::Superseded,
        }
    }
}
